"""Whole sweeps through fake schedulers on PATH: submitted, followed, stopped, lost."""

import json
import os
import pty
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autopeft.cli.main import main
from autopeft.clusters import DIALECTS
from autopeft.tracking.events import EVENTS

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "synthetic_sweep.py"))
PROGRAM = Path(__file__).parents[1] / "fakes" / "autopeft"
SEARCH = """\
name: small
task: {data: {kind: procedural, clips: 112}}
method: {kind: lora, rank: {one_of: [1, 2, 4]}}
training: {steps: 80}
search: {trials: 4}
"""
SITE = "kind: {kind}\nquery_every_s: 0.2\nmax_requeues: 2\nwalltime: 1h\n"
# Seconds each: one of them in `make test`, all of them in CI.
every_queue = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind == "slurm" else [pytest.mark.slow]) for kind in DIALECTS],
)
# As `autopeft` in a process of its own, with the driver that writes what the test prepared.
AUTOPEFT = """\
import sys
from autopeft.clusters import sweep_job, standing
sweep_job._program = lambda: {program!r}
standing.BETWEEN_ROUNDS_S = 0.1
from autopeft.cli.main import main
sys.exit(main())
"""


@pytest.fixture
def at(fake_cluster, tmp_path, monkeypatch):
    """The working folder with a search file and a site for each scheduler."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("autopeft.clusters.sweep_job._program", lambda: str(PROGRAM))
    monkeypatch.setattr("autopeft.clusters.standing.BETWEEN_ROUNDS_S", 0.1)
    (tmp_path / "search.yaml").write_text(SEARCH)
    for kind in DIALECTS:
        (tmp_path / f"{kind}.yaml").write_text(SITE.format(kind=kind))
    from autopeft.spec.load import load_sweep

    sweep = load_sweep(tmp_path / "search.yaml")
    lines = [EVENTS.dump_json(event) for event in SYNTHETIC["events"](sweep, trials=4)]
    (fake_cluster / "lines.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return tmp_path


@pytest.fixture
def ask(at, capfd):
    """Call ``autopeft``; return its exit code, its answer, and what it said."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return call


@pytest.fixture
def wish(fake_cluster):
    """Tell the fake scheduler, or with ``driver=`` the fake driver, what is wanted."""

    def told(driver=None, **wishes):
        (fake_cluster / "driver.json").write_text(json.dumps(driver or {}))
        (fake_cluster / "wishes.json").write_text(json.dumps(wishes))

    return told


@pytest.fixture
def begin(at):
    """Start ``autopeft`` as a process of its own; end it with the test."""
    started = []

    def start(*arguments, **options):
        words = [sys.executable, "-c", AUTOPEFT.format(program=str(PROGRAM)), *map(str, arguments)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        started.append(subprocess.Popen(words, start_new_session=True, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(condition, timeout_s=60):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def calls(state, *names):
    return [
        line.split(None, 1)[1]
        for line in (state / "calls").read_text().splitlines()
        if line.split()[1] in names
    ]


def the_run(at):
    (run,) = (at / "runs").glob("small-*")
    return run


def submissions(state):
    return len(calls(state, "sbatch", "qsub"))


@every_queue
def test_a_sweep_is_submitted_followed_and_told_as_on_a_laptop(ask, at, fake_cluster, kind):
    code, out, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 0, err
    assert "winner" in out
    assert "zero-shot" in out
    assert "report:  runs/small-" in out
    assert re.search(r"job 4711\S*: (running|done)", err)
    assert "4/4  t0003 finished" in err
    run = the_run(at)
    assert f"drive {run} </dev/null &" in (run / "job" / "script.sh").read_text()
    assert (run / "job" / "exit").read_text() == "0\n"
    assert submissions(fake_cluster) == 1


@every_queue
def test_it_goes_on_in_new_allocations_with_the_lines_in_their_order(
    ask, at, fake_cluster, wish, kind
):
    total = len((fake_cluster / "lines.jsonl").read_bytes().splitlines())
    wish(driver={"lines": total // 3 + 1})
    code, out, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 0, err
    assert "winner" in out
    run = the_run(at)
    assert len((run / "job" / "starts").read_text().splitlines()) == 3
    assert (run / "job.log").read_text().count("goes on in a new allocation") == 2
    assert (run / "journal.jsonl").read_bytes() == (fake_cluster / "lines.jsonl").read_bytes()
    assert err.count("finished") == len(
        re.findall(rb'"finished"', (run / "journal.jsonl").read_bytes())
    )
    assert submissions(fake_cluster) == (3 if kind == "pbs" else 1)


@every_queue
def test_it_goes_on_with_nobody_following(ask, at, fake_cluster, wish, kind):
    total = len((fake_cluster / "lines.jsonl").read_bytes().splitlines())
    wish(driver={"lines": total // 3 + 1})
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml", "--detach")
    assert code == 0, err
    assert "goes on; look: autopeft status runs/small-" in err
    run = the_run(at)
    look = ["squeue"] if kind == "slurm" else ["qstat", "-xml"] if kind == "sge" else ["true"]

    def is_done():
        subprocess.run(look, check=True, stdout=subprocess.DEVNULL)
        return (run / "job" / "exit").exists()

    until(is_done)
    assert (run / "job" / "exit").read_text() == "0\n"
    assert len((run / "job" / "starts").read_text().splitlines()) == 3


@every_queue
def test_it_goes_on_no_more_often_than_max_requeues_says(ask, at, wish, kind):
    wish(driver={"lines": 2})
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 75, err
    assert (
        "failed with exit code 75: stopped before the walltime, and max_requeues 2 is used" in err
    )
    assert "resume with: autopeft resume runs/small-" in err
    run = the_run(at)
    assert len((run / "job" / "starts").read_text().splitlines()) == 3
    wish()
    code, out, err = ask("resume", run)
    assert (code, "winner" in out) == (0, True), err


@pytest.mark.parametrize("kind", ["slurm", "sge"])
def test_where_the_site_forbids_requeueing_it_is_submitted_again_from_here(
    ask, at, fake_cluster, wish, kind
):
    total = len((fake_cluster / "lines.jsonl").read_bytes().splitlines())
    wish(driver={"lines": total // 2 + 1}, no_requeue="Requested operation is presently disabled")
    code, out, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert (code, "winner" in out) == (0, True), err
    assert submissions(fake_cluster) == 2


@every_queue
def test_a_driver_that_fails_is_told_with_its_last_words(ask, at, wish, kind):
    wish(driver={"fail": "resources: no trial fits on these hosts"})
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 1
    assert "failed with exit code 1" in err
    assert "  | resources: no trial fits on these hosts" in err
    assert f"{the_run(at)}/job.log" in err


@every_queue
def test_a_sweep_that_waits_for_long_is_followed_all_the_same(at, begin, wish, kind, fake_cluster):
    wish(hold=True)
    process = begin("run", "search.yaml", "--cluster", f"{kind}.yaml")
    asked = {"slurm": "squeue"}.get(kind, "qstat")
    until(lambda: (fake_cluster / "calls").exists() and len(calls(fake_cluster, asked)) > 10)
    assert process.poll() is None
    wish()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "winner" in out) == (0, True), err
    assert err.count(": pending") == 1


@every_queue
def test_deleted_while_queued_it_is_given_up(at, begin, wish, kind):
    wish(hold=True)
    process = begin("run", "search.yaml", "--cluster", f"{kind}.yaml")
    until(lambda: list(at.glob("runs/*/job/submitted.json")))
    subprocess.run(["scancel" if kind == "slurm" else "qdel", "4711"], check=True)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert "resume with: autopeft resume runs/small-" in err


@every_queue
def test_killed_with_9_it_is_given_up(ask, wish, kind):
    wish(driver={"die": 9})
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code in (1, 137), err
    assert "failed" in err or "lost" in err


@every_queue
def test_a_lost_host_is_given_up_and_the_job_cancelled(ask, fake_cluster, wish, kind, monkeypatch):
    monkeypatch.setattr("autopeft.clusters.judgement.SILENT_S", 1.5)
    wish(driver={"die": 9}, frozen=["4711"])
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 1, err
    assert "lost: its host has been silent" in err
    assert len(calls(fake_cluster, "scancel", "qdel")) == 1


@every_queue
def test_a_refusal_is_told_in_the_schedulers_words_and_leaves_no_folder(ask, at, wish, kind):
    wish(refuse="error: the controller is in maintenance")
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 1
    assert "refuses small: error: the controller is in maintenance" in err
    assert not list((at / "runs").glob("small-*"))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("slurm", "sbatch: error: invalid partition specified: nosuch"),
        ("sge", 'Unable to run job: Job was rejected because job requests unknown queue "nosuch"'),
        ("pbs", "qsub: Unknown queue"),
    ],
)
def test_a_wrong_word_of_the_profile_is_refused_with_its_line(ask, at, wish, kind, words):
    (at / f"{kind}.yaml").write_text(SITE.format(kind=kind) + "queue: nosuch\n")
    wish(refuse=words)
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 2
    assert f"{kind}.yaml:5  cluster.queue: " in err
    assert words in err


def test_ctrl_c_without_a_terminal_leaves_the_job_alone(at, begin, wish, fake_cluster):
    wish(driver={"wait": str(at / "go")})
    process = begin("run", "search.yaml", "--cluster", "slurm.yaml")
    until(lambda: list(at.glob("runs/*/journal.jsonl")))
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "job 4711 goes on; look: autopeft status runs/small-" in err
    assert not calls(fake_cluster, "scancel")
    asked = len(calls(fake_cluster, "squeue"))
    again = begin("resume", the_run(at))
    until(lambda: len(calls(fake_cluster, "squeue")) > asked + 3)
    (at / "go").touch()
    out, err = again.communicate(timeout=30)
    assert (again.returncode, "winner" in out) == (0, True), err
    assert submissions(fake_cluster) == 1


@pytest.mark.parametrize(
    ("keys", "cancelled"), [(b"c\n", True), (b"d\n", False), (b"\n", False), (b"\x03", False)]
)
def test_ctrl_c_at_a_terminal_asks_once(at, wish, fake_cluster, keys, cancelled):
    wish(driver={"wait": str(at / "go")})
    words = ["run", "search.yaml", "--cluster", "slurm.yaml"]
    command = [sys.executable, "-c", AUTOPEFT.format(program=str(PROGRAM)), *words]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    screen = bytearray()

    def shows(text):
        def look():
            screen.extend(os.read(terminal, 4096))
            return text in screen

        return look

    try:
        until(shows(b"4711: running"), 60)
        os.write(terminal, b"\x03")
        until(shows(b"or [c]ancel it?"))
        os.write(terminal, keys)
        until(shows(b"resume with:" if cancelled else b"goes on; look:"))
        _, status = os.waitpid(child, 0)
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
    assert bool(calls(fake_cluster, "scancel")) == cancelled


def test_the_api_does_the_same(at, wish):
    import autopeft

    run = autopeft.run("search.yaml", ["cluster=slurm.yaml"])
    assert run.history().is_over


def test_a_follower_shares_the_queries_of_others(at, begin, fake_cluster, wish):
    (at / "slurm.yaml").write_text(SITE.format(kind="slurm").replace("0.2", "1"))
    wish(driver={"wait": str(at / "go")})
    sweeps = [
        begin("run", "search.yaml", f"name=s{i}", "--cluster", "slurm.yaml") for i in range(3)
    ]
    until(lambda: len(list(at.glob("runs/*/journal.jsonl"))) == 3)
    before, began = len(calls(fake_cluster, "squeue")), time.monotonic()
    time.sleep(4)
    asked, seconds = len(calls(fake_cluster, "squeue")) - before, time.monotonic() - began
    (at / "go").touch()
    assert [sweep.wait(30) for sweep in sweeps] == [0] * 3
    assert 2 <= asked <= seconds + 1
