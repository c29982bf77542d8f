"""Whole sweeps through fake schedulers on PATH: submitted, followed, stopped, lost."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time

import pytest

from autopeft.clusters import DIALECTS
from autopeft.clusters.queued import _Ear, job_watch
from autopeft.core.errors import RunFolderError
from autopeft.tracking.run_folder import RunFolder
from autopeft.tracking.tail import Tail

# Seconds each: one of them in `make test`, all of them in CI.
every_queue = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind == "slurm" else [pytest.mark.slow]) for kind in DIALECTS],
)


@every_queue
def test_a_sweep_is_submitted_followed_and_told_as_on_a_laptop(ask, kind, calls, the_run):
    code, out, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 0, err
    assert "winner" in out
    assert "zero-shot" in out
    assert "trials:  4 of 4 trials are done: " in out
    assert re.search(r"^time:    \d", out, re.MULTILINE)
    assert "report:  runs/small-" in out
    assert re.search(r"job 4711\S*: (running|done)", err)
    assert "4/4  t0003 finished" in err
    run = the_run()
    assert f"drive {run} </dev/null &" in (run / "job" / "script.sh").read_text()
    assert (run / "job" / "exit").read_text() == "0\n"
    assert len(calls("sbatch", "qsub")) == 1


def test_what_happens_before_the_scheduler_has_answered_is_told_too(ask, wish):
    wish(slow_reply=2)  # the whole sweep is over by then
    code, _, err = ask("run", "search.yaml", "--cluster", "slurm.yaml")
    assert code == 0, err
    assert "1/4  t0000 finished" in err
    assert "4/4  t0003 finished" in err


@every_queue
def test_it_goes_on_in_new_allocations_with_the_lines_in_their_order(
    ask, fake_cluster, wish, kind, calls, the_run
):
    total = len((fake_cluster / "lines.jsonl").read_bytes().splitlines())
    wish(driver={"lines": total // 3 + 1})
    code, out, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 0, err
    assert "winner" in out
    run = the_run()
    assert len((run / "job" / "starts").read_text().splitlines()) == 3
    assert (run / "job.log").read_text().count("goes on in a new allocation") == 2
    assert (run / "journal.jsonl").read_bytes() == (fake_cluster / "lines.jsonl").read_bytes()
    assert err.count("finished") == len(
        re.findall(rb'"finished"', (run / "journal.jsonl").read_bytes())
    )
    assert len(calls("sbatch", "qsub")) == (3 if kind == "pbs" else 1)


@every_queue
def test_it_goes_on_with_nobody_following(ask, fake_cluster, wish, kind, until, the_run):
    total = len((fake_cluster / "lines.jsonl").read_bytes().splitlines())
    wish(driver={"lines": total // 3 + 1})
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml", "--detach")
    assert code == 0, err
    assert "goes on; look: autopeft status runs/small-" in err
    run = the_run()
    look = ["squeue"] if kind == "slurm" else ["qstat", "-xml"] if kind == "sge" else ["true"]

    def is_done():
        subprocess.run(look, check=True, stdout=subprocess.DEVNULL)
        return (run / "job" / "exit").exists()

    until(is_done)
    assert (run / "job" / "exit").read_text() == "0\n"
    assert len((run / "job" / "starts").read_text().splitlines()) == 3


@every_queue
def test_it_goes_on_no_more_often_than_max_requeues_says(ask, wish, kind, the_run):
    wish(driver={"lines": 2})
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 75, err
    assert (
        "failed with exit code 75: stopped before the walltime, and max_requeues 2 is used" in err
    )
    assert "resume with: autopeft resume runs/small-" in err
    run = the_run()
    assert len((run / "job" / "starts").read_text().splitlines()) == 3
    wish()
    code, out, err = ask("resume", run)
    assert (code, "winner" in out) == (0, True), err


@pytest.mark.parametrize("kind", ["slurm", "sge"])
def test_where_the_site_forbids_requeueing_it_is_submitted_again_from_here(
    ask, fake_cluster, wish, kind, calls
):
    total = len((fake_cluster / "lines.jsonl").read_bytes().splitlines())
    wish(driver={"lines": total // 2 + 1}, no_requeue="Requested operation is presently disabled")
    code, out, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert (code, "winner" in out) == (0, True), err
    assert len(calls("sbatch", "qsub")) == 2


@every_queue
def test_a_driver_that_fails_is_told_with_its_last_words(ask, wish, kind, the_run):
    wish(driver={"fail": "resources: no trial fits on these hosts"})
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 1
    assert "failed with exit code 1" in err
    assert "  | resources: no trial fits on these hosts" in err
    assert f"{the_run()}/job.log" in err


@pytest.mark.slow
@every_queue
def test_a_sweep_that_waits_for_long_is_followed_all_the_same(begin, wish, kind, calls, until):
    wish(hold=True)
    process = begin("run", "search.yaml", "--cluster", f"{kind}.yaml")
    asked = {"slurm": "squeue"}.get(kind, "qstat")
    until(lambda: len(calls(asked)) > 10)
    assert process.poll() is None
    wish()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "winner" in out) == (0, True), err
    assert err.count(": pending") == 1


@every_queue
def test_deleted_while_queued_it_is_given_up(at, begin, wish, kind, until):
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
def test_a_lost_host_is_given_up_and_the_job_cancelled(ask, wish, kind, monkeypatch, calls):
    monkeypatch.setattr("autopeft.clusters.judgement.SILENT_S", 1.5)
    wish(driver={"die": 9}, frozen=["4711"])
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 1, err
    assert "lost: its host has been silent" in err
    assert len(calls("scancel", "qdel")) == 1


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
    with (at / f"{kind}.yaml").open("a") as site:
        site.write("queue: nosuch\n")
    wish(refuse=words)
    code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml")
    assert code == 2
    assert f"{kind}.yaml:5  cluster.queue: " in err
    assert words in err


def test_ctrl_c_without_a_terminal_leaves_the_job_alone(at, begin, wish, calls, until, the_run):
    wish(driver={"wait": str(at / "go")})
    process = begin("run", "search.yaml", "--cluster", "slurm.yaml")
    until(lambda: list(at.glob("runs/*/journal.jsonl")))
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "job 4711 goes on; look: autopeft status runs/small-" in err
    assert not calls("scancel")
    asked = len(calls("squeue"))
    again = begin("resume", the_run())
    until(lambda: len(calls("squeue")) > asked + 3)
    (at / "go").touch()
    out, err = again.communicate(timeout=30)
    assert (again.returncode, "winner" in out) == (0, True), err
    assert len(calls("sbatch", "qsub")) == 1


@pytest.mark.parametrize("verb", ["run", "resume"])
def test_ctrl_c_while_a_sweep_is_submitted_tells_where_it_is(
    at, begin, ask, wish, calls, until, the_run, verb
):
    wish(driver={"wait": str(at / "go")}, slow_reply=1)
    if verb == "resume":
        assert ask("run", "search.yaml", "--cluster", "slurm.yaml", "--detach")[0] == 0
        assert ask("stop", the_run())[0] == 0
    before = len(calls("sbatch"))
    where = ("search.yaml", "--cluster", "slurm.yaml") if verb == "run" else (the_run(),)
    process = begin(verb, *where)
    until(lambda: len(calls("sbatch")) > before)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    (at / "go").touch()
    assert process.returncode == 130
    assert f"job {4711 + before} goes on; look: autopeft status runs/small-" in err


@pytest.mark.parametrize(
    ("keys", "cancelled"),
    [
        (b"c\n", True),
        pytest.param(b"d\n", False, marks=pytest.mark.slow),
        pytest.param(b"\n", False, marks=pytest.mark.slow),
        pytest.param(b"\x03", False, marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_at_a_terminal_asks_once(at, wish, keys, cancelled, calls, until, command_line):
    wish(driver={"wait": str(at / "go")})
    words = ["run", "search.yaml", "--cluster", "slurm.yaml"]
    command = command_line(*words)
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
    assert bool(calls("scancel")) == cancelled


def test_the_api_does_the_same(at, wish):
    import autopeft

    run = autopeft.run("search.yaml", ["cluster=slurm.yaml"])
    assert run.history().is_over


@pytest.mark.slow
def test_a_follower_shares_the_queries_of_others(at, begin, wish, calls, until):
    site = at / "slurm.yaml"
    site.write_text(site.read_text().replace("0.2", "1"))
    wish(driver={"wait": str(at / "go")})
    sweeps = [
        begin("run", "search.yaml", f"name=s{i}", "--cluster", "slurm.yaml") for i in range(3)
    ]
    until(lambda: len(list(at.glob("runs/*/journal.jsonl"))) == 3)
    before, began = len(calls("squeue")), time.monotonic()
    time.sleep(4)
    asked, seconds = len(calls("squeue")) - before, time.monotonic() - began
    (at / "go").touch()
    assert [sweep.wait(30) for sweep in sweeps] == [0] * 3
    assert 2 <= asked <= seconds + 1


def test_50_sweeps_are_watched_with_one_query_per_interval(at, ask, wish, calls, the_run):
    wish(hold=True)
    site = at / "slurm.yaml"
    site.write_text(site.read_text().replace("0.2", "1"))
    assert ask("run", "search.yaml", "--cluster", "slurm.yaml", "--detach")[0] == 0
    run = the_run()
    copies = [run.with_name(f"copy-{number:02d}") for number in range(50)]
    for number, copy in enumerate(copies):
        shutil.copytree(run, copy)
        note = copy / "job" / "submitted.json"
        note.write_text(note.read_text().replace("4711", str(5000 + number)))
        job = {"id": str(5000 + number), "kind": "slurm", "script": "x", "size": 0}
        (at / "scheduler" / f"{5000 + number}.json").write_text(json.dumps(job))
    with contextlib.ExitStack() as stack:
        watches = [stack.enter_context(job_watch(RunFolder(copy))) for copy in copies]
        before, began = len(calls("squeue")), time.monotonic()
        while time.monotonic() - began < 3:
            standings = [watch.look() for watch in watches]
            time.sleep(0.1)
        asked, seconds = len(calls("squeue")) - before, time.monotonic() - began
    assert 1 <= asked <= seconds + 1
    assert {standing.seen.reason for standing in standings} == {"Priority"}


def test_a_line_that_is_shown_before_its_text_is_waited_for(at, fake_cluster, monkeypatch):
    lines = (fake_cluster / "lines.jsonl").read_bytes().splitlines(keepends=True)
    journal, heard = at / "journal.jsonl", []
    journal.write_bytes(lines[0] + b"\0" * (len(lines[1]) - 1) + b"\n")
    ear = _Ear(Tail(journal), heard.append)
    for _ in range(2):
        ear.hear()
        assert [event.event for event in heard] == ["sweep_started"]
    journal.write_bytes(b"".join(lines))
    ear.hear()
    assert len(heard) == len(lines)
    assert ear.heard_the_end
    with journal.open("ab") as file:
        file.write(b"\0\0\n")
    ear.hear()
    monkeypatch.setattr("autopeft.clusters.queued.READABLE_WITHIN_S", -1)
    with pytest.raises(RunFolderError, match="damaged line"):
        ear.hear()


def test_a_sweep_on_this_machine_cannot_be_left(ask, at):
    code, _, err = ask("run", "search.yaml", "--cluster", "local", "--detach")
    assert (code, "--detach: a sweep on this machine ends with its terminal" in err) == (2, True)
    assert not (at / "runs").exists()
