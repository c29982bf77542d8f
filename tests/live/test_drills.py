"""Sweeps on real schedulers, and what goes wrong with them. The table of them is in
docs/reference/clusters.md.
"""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
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
def test_a_sweep_uses_both_hosts_and_lets_no_stranger_in(
    ctl: Host, kind: str, both: dict[str, Host]
) -> None:
    sweep = sweeps.submit(ctl, kind, faults={"all": "2000ms/report"})
    sweep.until_up()
    strangers_are_refused(both[others(sweep)], sweep)
    sweep.break_otherwise({"all": "100ms/report"})
    assert sweep.until_over() == 0, sweep.log()
    is_whole(sweep)
    assert set(sweep.hosts_used()) == BOTH
    assert find_rendezvous(sweep.run.path) is None


def strangers_are_refused(host: Host, sweep: LiveSweep) -> None:
    """With no token, or with another, nobody is let in; the dashboard answers its own host only."""
    found = find_rendezvous(sweep.run.path)
    assert found is not None
    other = SHARED / "other.token"
    host.do("bash", "-c", f"printf %064d 1 > {other}; chmod 600 {other}", user=USER)
    ask = f"import ray; ray.init('{found.address}', logging_level='ERROR'); print(ray.nodes())"
    with_another = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(other)}
    for env in (with_another, {"RAY_AUTH_MODE": "disabled"}):
        refused = host.run(sys.executable, "-c", ask, user=USER, env=env, timeout_s=120)
        assert refused.returncode != 0, refused.stdout
        assert "token" in (refused.stdout + refused.stderr).lower()
    head, port = found.address.partition(":")[0], found.dashboard.rpartition(":")[2]
    page = host.run("bash", "-c", f"exec 3<>/dev/tcp/{head}/{port}", user=USER, timeout_s=10)
    assert "refused" in page.stderr


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
    assert "130: stopped" in sweep.stop()
    sweeps.nothing_runs(both)


def test_cancelled_by_hand_after_the_warning_it_does_not_go_on(
    ctl: Host, kind: str, both: dict[str, Host]
) -> None:
    """A job that was warned queues itself again when it ends; but not if it was cancelled."""
    sweep = sweeps.submit(
        ctl, kind, faults={"all": "4000ms/report"}, warning_s=300, max_requeues=6
    )  # fmt: skip
    sweep.until_log("trials at a time")
    for process in both[head(sweep)].processes(USER):
        if process.command.endswith(f"autopeft drive {sweep.run.path}"):
            faults.send(both[head(sweep)], process.pid, signal.SIGUSR1)
    sweep.until_log("the walltime ends soon")
    sweep.cancel_by_hand()
    assert "failed" in sweep.until_ended()
    sweeps.wait_a_moment(15)  # so long Slurm keeps a requeued job waiting (slurm_lab.py)
    assert "failed" in sweep.stands()
    assert "goes on in a new allocation" not in sweep.log()
    assert len((sweep.run.path / "job" / "starts").read_text().splitlines()) == 1


@pytest.mark.parametrize("what", ["its driver", "all of it"])
def test_killed_with_9_it_is_told_within_a_minute_and_resumed(
    ctl: Host, slurm_or_sge: str, what: str, both: dict[str, Host]
) -> None:
    sweep = sweeps.submit(ctl, slurm_or_sge, faults=SLOW)
    sweep.until_trials(1)
    host = both[head(sweep)]
    assert faults.kill_matching(host, f"autopeft drive {sweep.run.path}")
    if what == "all of it":
        faults.kill_all(host)
    told = sweep.until_ended(within_s=60)
    assert "failed" in told
    assert ("137" in told) or what == "all of it", told
    assert not sweep.history().is_over
    sweeps.no_process_runs(both)
    if what == "its driver":  # of which Ray was told, and tidied
        assert not sweeps.folders(host)
    for each in BOTH:  # the next start there removes what nobody was left to remove
        both[each].do(sys.executable, "-c", SWEEP_UP, user=USER)
    sweeps.nothing_runs(both)
    sweep.break_otherwise({"all": "100ms/report"})
    sweep.autopeft("resume", str(sweep.run.path), "--detach")
    assert sweep.until_over() == 0, sweep.log()
    is_whole(sweep)
    loses_little(sweep)


SWEEP_UP = "from autopeft.clusters.temporary import remove_ownerless; remove_ownerless()"


def test_a_sweep_that_fails_says_so_by_its_exit_code(
    ctl: Host, kind: str, both: dict[str, Host]
) -> None:
    sweep = sweeps.submit(ctl, kind, faults={"t0002": "full"})
    assert sweep.until_over() == 1
    assert "No space left on device" in sweep.log()
    assert "failed with exit code 1" in sweep.until_ended()


def test_the_exit_code_of_a_command_passes_through(ctl: Host, kind: str) -> None:
    """`autopeft job`: 3 stays 3, 0 stays 0, and a death by a signal is 128 and its number."""
    folder = SHARED / f"exit-{kind}"
    folder.mkdir(exist_ok=True)
    sweeps.give(folder)
    words = ["--set=cpus_per_host=1", "--set=query_every_s=2", "--set=walltime=0:05:00"]
    for command, code in (("exit 3", 3), ("true", 0), ("kill -9 $$", 137)):
        done = ctl.run(
            sweeps.PROGRAM, "job", f"--cluster={kind}", *words, "cpu", str(folder / f"{code}.log"),
            "--", "bash", "-c", command, user=USER, env=sweeps.environment(kind), timeout_s=300,
        )  # fmt: skip
        assert done.returncode == code, done.stderr


def test_the_walltime_comes_first_and_the_sweep_goes_on(
    ctl: Host, kind: str, both: dict[str, Host]
) -> None:
    """However fast this machine is, a third of the work is left when the warning comes."""
    walltime_s, warning_s, trials = 120, 30, 8
    sweep = sweeps.submit(
        ctl, kind, faults={"all": "2000ms/report"}, walltime=f"0:0{walltime_s // 60}:00",
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


def test_cancelled_while_it_waits(ctl: Host, kind: str, both: dict[str, Host]) -> None:
    sweep = sweeps.submit(ctl, kind, **NEVER[kind])
    assert "pending" in sweep.autopeft("status", str(sweep.run.path))
    assert "stopped" in sweep.stop()
    assert "stopped" in sweep.autopeft("status", str(sweep.run.path))
    assert not sweep.run.journal.exists()


NEVER: dict[str, dict[str, Any]] = {
    "slurm": {"native": ["--begin=now+1hour"]},
    "sge": {"native": ["-h"]},
    "pbs": {"native": [*sweeps.PROFILES["pbs"]["native"], "-h"]},
}


def test_a_queue_that_is_not_there(ctl: Host, kind: str, both: dict[str, Host]) -> None:
    """The scheduler's own words reach the user; with the line of her file, if they are plain."""
    file = sweeps.make_run(kind, queue="nosuch").spec_file
    refused = ctl.run(
        sweeps.PROGRAM, "run", str(file), "--detach", "--runs", str(SHARED / "refused"),
        user=USER, env=sweeps.environment(kind), timeout_s=300,
    )  # fmt: skip
    assert WORDS[kind] in refused.stderr
    if kind != "pbs":  # these are Slurm's words, and no PBS has them
        assert refused.returncode == 2, refused.stderr
        assert "cluster.queue" in refused.stderr
    assert refused.returncode, refused.stdout


WORDS = {
    "slurm": "nvalid partition", "sge": 'unknown queue "nosuch', "pbs": "nvalid partition",
}  # fmt: skip


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
    assert not any(trial.retries for trial in sweep.history().trials.values())


# The lab's hosts are so large that a second job of one CPU would come to the first one's.
WHOLE_HOST: dict[str, dict[str, Any]] = {
    "slurm": {"exclusive": True},
    "sge": {"parallel_environment": "smp", "slots_per_host": 4},
}
READY_AFTER = r"hosts ready after ([\d.]+) s"


PAIRS = 5


# Not of the core: a ratio of times has no place in continuous integration.
def test_hosts_are_ready_as_fast_as_by_hand(
    ctl: Host, n1: Host, n2: Host, slurm: Host, both: dict[str, Host],
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    """From the first process of ours to both hosts ready, against two bare `ray start`.

    What else the machine does weighs on both of a pair alike; of the pairs the median counts.
    """
    pairs = []
    for _ in range(PAIRS):
        bare = bare_ray.bring_up(n1, n2).seconds
        for host in (n1, n2):
            faults.kill_all(host)
        sweep = sweeps.submit(ctl, "slurm")
        sweep.until_up()
        sweep.until_log(READY_AFTER)
        pairs.append((float(re.findall(READY_AFTER, sweep.log())[0]), round(bare, 1)))
        sweep.stop()
        sweeps.nothing_runs(both)
    ratio = median(ours / bare for ours, bare in pairs)
    record_property("found", f"{ratio:.2f} of by hand, the median of {PAIRS} pairs")
    print(f"ours and by hand, s: {pairs}, load {os.getloadavg()}")
    assert ratio <= 1.3, pairs


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
