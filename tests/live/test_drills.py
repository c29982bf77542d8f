"""Sweeps on real schedulers, and what goes wrong with them. The table of them is in
docs/reference/clusters.md.
"""

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autopeft.clusters.rendezvous import find_rendezvous
from autopeft.tracking.events import Reported, Status
from autopeft.tracking.journal import read_journal
from tests.live import bare_ray, faults, sweeps
from tests.live.host import Host
from tests.live.machine import SHARED, USER
from tests.live.sweeps import LiveSweep
from tests.live.waiting import until

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.timeout(1500)]
BOTH = {"n1", "n2"}
SLOW = {"all": "400ms/report"}


@pytest.fixture(params=["slurm", "sge", "pbs"])
def kind(request: pytest.FixtureRequest) -> str:
    """A scheduler of the lab that runs; Torque's front ends stand before Slurm."""
    name = str(request.param)
    request.getfixturevalue("sge" if name == "sge" else "slurm")
    return name


@pytest.fixture
def slurm_or_sge(kind: str) -> str:
    """The two that are whole schedulers."""
    if kind == "pbs":
        pytest.skip("under Torque's front ends this is Slurm's")
    return kind


@pytest.fixture
def both(hosts: dict[str, Host]) -> Iterator[dict[str, Host]]:
    """All hosts; afterwards none of them holds anything of ours."""
    yield hosts
    for name in BOTH:
        faults.mend(hosts[name])
    sweeps.nothing_runs(hosts)


def others(sweep: LiveSweep) -> str:
    """The host that is not the head's."""
    found = find_rendezvous(sweep.run.path)
    assert found is not None
    (name,) = BOTH - {found.head}
    return name


def head(sweep: LiveSweep) -> str:
    found = find_rendezvous(sweep.run.path)
    assert found is not None
    return found.head


def is_whole(sweep: LiveSweep, trials: int = 8) -> None:
    """All trials have ended, each once, and none is lost."""
    history = sweep.history()
    assert history.is_over, sweep.log()
    assert history.counted == trials
    assert {trial.status for trial in history.trials.values()} == {Status.FINISHED}


@pytest.mark.core
def test_a_sweep_uses_both_hosts(ctl: Host, kind: str, both: dict[str, Host]) -> None:
    sweep = sweeps.submit(ctl, kind)
    sweep.until_up()
    strangers_are_refused(both["n2"], sweep)
    assert sweep.until_over() == 0, sweep.log()
    is_whole(sweep)
    assert set(sweep.hosts_used()) == BOTH
    assert find_rendezvous(sweep.run.path) is None


def strangers_are_refused(host: Host, sweep: LiveSweep) -> None:
    """Without the run's token nobody is let in, from whatever host."""
    found = find_rendezvous(sweep.run.path)
    assert found is not None
    other = SHARED / "other.token"
    host.do("bash", "-c", f"printf %064d 1 > {other}; chmod 600 {other}", user=USER)
    ask = f"import ray; ray.init('{found.address}', logging_level='ERROR'); print(ray.nodes())"
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(other)}
    refused = host.run(sys.executable, "-c", ask, user=USER, env=env, timeout_s=120)
    assert refused.returncode != 0
    assert "token" in (refused.stdout + refused.stderr).lower()


def test_two_sweeps_share_both_hosts(ctl: Host, slurm_or_sge: str, both: dict[str, Host]) -> None:
    two = [sweeps.submit(ctl, slurm_or_sge, name=name) for name in ("left", "right")]
    for sweep in two:
        sweep.until_up()
    places = [find_rendezvous(sweep.run.path) for sweep in two]
    assert all(place is not None for place in places), "they did not run at the same time"
    for sweep in two:
        assert sweep.until_over() == 0, sweep.log()
        is_whole(sweep)
        assert set(sweep.hosts_used()) == BOTH


@pytest.mark.parametrize("where", ["worker", "head"])
def test_a_raylet_is_killed(
    ctl: Host, slurm_or_sge: str, where: str, both: dict[str, Host]
) -> None:
    sweep = sweeps.submit(ctl, slurm_or_sge, faults=SLOW)
    sweep.until_trials(1)
    host = both[others(sweep) if where == "worker" else head(sweep)]
    assert faults.kill_matching(host, "raylet/raylet")
    assert sweep.until_over() == 0, sweep.log()
    is_whole(sweep)
    loses_little(sweep)


def test_a_host_is_cut_off(ctl: Host, slurm_or_sge: str, both: dict[str, Host]) -> None:
    sweep = sweeps.submit(ctl, slurm_or_sge, faults=SLOW)
    sweep.until_trials(1)
    lost = others(sweep)
    faults.cut(both[lost])
    sweep.until_log(f"{lost} is lost")
    assert sweep.until_over() == 0, sweep.log()
    is_whole(sweep)
    loses_little(sweep)


def loses_little(sweep: LiveSweep) -> None:
    """No step was reported twice, so nothing was trained again but what came after a checkpoint."""
    steps: dict[str, list[int]] = {}
    for event in read_journal(sweep.run.journal):
        if isinstance(event, Reported):
            steps.setdefault(event.trial, []).append(event.step)
    for trial, reported in steps.items():
        assert reported == sorted(set(reported)), f"{trial}: {reported}"
    # Tune may hand a trial once more to a worker that it does not know to be dead.
    assert all(len(trial.retries) <= 2 for trial in sweep.history().trials.values())


def test_cancelled_while_it_runs_nothing_stays(ctl: Host, kind: str, both: dict[str, Host]) -> None:
    sweep = sweeps.submit(ctl, kind, faults={"all": "5000ms/report"})
    sweep.until_up()
    sweep.until_log("trials at a time")
    sweep.stop()
    sweeps.nothing_runs(both)


def test_the_script_is_killed(ctl: Host, slurm_or_sge: str, both: dict[str, Host]) -> None:
    sweep = sweeps.submit(ctl, slurm_or_sge, faults=SLOW)
    sweep.until_trials(1)
    for host in (both[name] for name in BOTH):
        faults.kill_matching(host, "autopeft drive")
    until("its driver has ended", lambda: not drivers(both, sweep))
    assert not sweep.history().is_over
    for host in (both[name] for name in BOTH):  # what the next start on the host does
        host.do(sys.executable, "-c", SWEEP_UP, user=USER)


SWEEP_UP = "from autopeft.clusters.temporary import remove_ownerless; remove_ownerless()"


def drivers(hosts: dict[str, Host], sweep: LiveSweep) -> list[str]:
    return [line for line in sweeps.ours(hosts) if f"drive {sweep.run.path}" in line]


def test_a_sweep_that_fails_says_so_by_its_exit_code(
    ctl: Host, slurm_or_sge: str, both: dict[str, Host]
) -> None:
    sweep = sweeps.submit(ctl, slurm_or_sge, faults={"t0002": "full"})
    assert sweep.until_over() == 1
    assert "No space left on device" in sweep.log()


def test_the_walltime_comes_first_and_the_sweep_goes_on(
    ctl: Host, slurm_or_sge: str, both: dict[str, Host]
) -> None:
    """However fast this machine is, a third of the work is left when the warning comes."""
    walltime_s, warning_s, trials = 300, 30, 8
    sweep = sweeps.submit(
        ctl, slurm_or_sge, faults={"all": "2000ms/report"}, walltime=f"0:0{walltime_s // 60}:00",
        warning_s=warning_s, max_requeues=6,
    )  # fmt: skip
    left_s = walltime_s - warning_s - sweep.until_up()
    each_ms = 1000 * 1.5 * max(left_s, 20) / (trials * 8 / 2)
    sweep.break_otherwise({"all": f"{each_ms:.0f}ms/report"})
    sweep.until_log("goes on in a new allocation", within_s=walltime_s + 60)
    sweep.break_otherwise({"all": "100ms/report"})
    assert sweep.until_over(within_s=1200) == 0, sweep.log()
    is_whole(sweep, trials)
    loses_little(sweep)
    assert not any(trial.retries for trial in sweep.history().trials.values())


def test_ray_that_cannot_start_names_the_host_and_says_why(
    ctl: Host, slurm_or_sge: str, both: dict[str, Host]
) -> None:
    with faults.small(both["n2"], "/dev/shm", mb=16):
        sweep = sweeps.submit(ctl, slurm_or_sge)
        assert sweep.until_over() == 1
    assert "n2: 1" in sweep.log()
    assert "/dev/shm, Ray needs" in sweep.log()


def test_cancelled_while_it_waits(ctl: Host, slurm_or_sge: str, both: dict[str, Host]) -> None:
    sweep = sweeps.submit(ctl, slurm_or_sge, **NEVER[slurm_or_sge])
    assert "pending" in sweep.stands()
    assert "pending" not in sweep.stop()
    assert "pending" not in sweep.stands()
    assert not sweep.run.journal.exists()


NEVER: dict[str, dict[str, Any]] = {
    "slurm": {"native": ["--begin=now+1hour"]},
    "sge": {"native": ["-h"]},
}


def test_a_queue_that_is_not_there(ctl: Host, slurm_or_sge: str, both: dict[str, Host]) -> None:
    """The scheduler's own words reach the user, with the line of her file."""
    file = sweeps.make_run(slurm_or_sge, queue="nosuch").spec_file
    refused = ctl.run(
        sweeps.PROGRAM, "run", str(file), "--detach", "--runs", str(SHARED / "refused"),
        user=USER, env=sweeps.environment(slurm_or_sge), timeout_s=300,
    )  # fmt: skip
    assert refused.returncode == 2, refused.stderr
    assert WORDS[slurm_or_sge] in refused.stderr
    assert "cluster.queue" in refused.stderr


WORDS = {"slurm": "nvalid partition", "sge": 'unknown queue "nosuch'}


def test_it_grows_by_a_host_that_joins_and_leaves(
    ctl: Host, slurm_or_sge: str, both: dict[str, Host]
) -> None:
    sweep = sweeps.submit(
        ctl, slurm_or_sge, faults={"all": "1500ms/report"}, hosts=1, search={"trials": 12},
        **WHOLE_HOST[slurm_or_sge],
    )  # fmt: skip
    sweep.until_up(1)
    (worker,) = BOTH - {head(sweep)}
    sweep.autopeft("grow", str(sweep.run.path), "--hosts=1")
    sweep.until_up(2)
    until("it has built a trial", lambda: worker in sweep.hosts_used(), within_s=240)
    for process in both[worker].processes(USER):
        if " join " in process.command and "bash" not in process.command:
            faults.send(both[worker], process.pid, signal.SIGUSR1)
    sweep.until_log(rf"{worker}.* has left", within_s=120)
    sweep.break_otherwise({"all": "100ms/report"})
    assert sweep.until_over() == 0, sweep.log()
    is_whole(sweep, 12)
    loses_little(sweep)


# The lab's hosts are so large that a second job of one CPU would come to the first one's.
WHOLE_HOST: dict[str, dict[str, Any]] = {
    "slurm": {"exclusive": True},
    "sge": {"parallel_environment": "smp", "slots_per_host": 4},
}
READY_AFTER = r"hosts ready after ([\d.]+) s"


# Not of the core: a ratio of times has no place in continuous integration.
def test_hosts_are_ready_as_fast_as_by_hand(
    ctl: Host, n1: Host, n2: Host, slurm: Host, both: dict[str, Host],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """From the first process of ours to both hosts ready, against two bare `ray start`."""
    bare, ours = [], []
    for _ in range(2):
        bare.append(bare_ray.bring_up(n1, n2).seconds)
        for host in (n1, n2):
            faults.kill_all(host)
        sweep = sweeps.submit(ctl, "slurm")
        sweep.until_up()
        sweep.until_log(READY_AFTER)
        ours.append(float(re.findall(READY_AFTER, sweep.log())[0]))
        sweep.stop()
        sweeps.nothing_runs(both)
    with capsys.disabled():
        print(f"\nhosts ready: ours {ours} s, by hand {bare} s")
    assert min(ours) <= 1.3 * min(bare)


def test_a_port_that_another_takes_meanwhile_twenty_times(n1: Host, both: dict[str, Host]) -> None:
    """Between the test of a port and its use another process may take it."""
    run = sweeps.make_run("slurm").path
    words = [sys.executable, str(Path(__file__).with_name("port_clash.py")), str(run), "20"]
    assert n1.do(*words, user=USER, timeout_s=3000).split()[-2:] == ["20", "20"]


def test_a_host_that_cannot_hold_ray_says_so_twenty_times(n2: Host, both: dict[str, Host]) -> None:
    run = sweeps.make_run("slurm").path
    with faults.small(n2, "/dev/shm", mb=16):
        for _ in range(20):
            refused = n2.run(sweeps.PROGRAM, "join", str(run), user=USER, timeout_s=120)
            assert refused.returncode == 1
            assert "n2: 16 MB are free in /dev/shm, Ray needs 80" in refused.stderr
