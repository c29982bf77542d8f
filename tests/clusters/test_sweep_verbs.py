"""The verbs that look at, list and stop sweeps in queues, from another terminal."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from autopeft.clusters import DIALECTS
from autopeft.clusters.rendezvous import RayHost, Rendezvous, publish

every_queue = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind == "slurm" else [pytest.mark.slow]) for kind in DIALECTS],
)
QUERY = {"slurm": "squeue", "sge": "qstat", "pbs": "qstat"}


@pytest.fixture
def submitted(ask, the_run):
    """Submit a sweep and leave it alone; return its folder."""

    def submit(kind="slurm"):
        code, _, err = ask("run", "search.yaml", "--cluster", f"{kind}.yaml", "--detach")
        assert code == 0, err
        return the_run()

    return submit


@pytest.fixture
def state_of(ask):
    def found(run):
        code, out, err = ask("status", run, "--json")
        assert code == 0, err
        return json.loads(out)["job"]

    return found


@every_queue
def test_a_waiting_sweep_is_looked_at_and_stopped_before_it_began(
    ask, at, wish, submitted, state_of, kind
):
    wish(hold=True)
    run = submitted(kind)
    job = state_of(run)
    assert (job["state"], job["requeues"], job["max_requeues"]) == ("pending", 0, 2)
    code, out, _ = ask("status", run)
    assert f"({kind}): pending" in out
    assert "small: 0/4 trials" in out
    for _ in range(2):
        code, _, err = ask("stop", run)
        assert code == 0
        assert "failed with exit code 130: stopped" in err
        assert "resume with: autopeft resume runs/small-" in err
    wish()
    assert state_of(run)["state"] == "failed"
    time.sleep(0.3)
    assert not (run / "journal.jsonl").exists()
    code, out, err = ask("resume", run)
    assert (code, "winner" in out) == (0, True), err


@every_queue
def test_a_running_sweep_is_stopped_and_nothing_of_it_goes_on(
    ask, at, wish, begin, the_run, until, kind
):
    wish(driver={"wait": str(at / "never")})
    follower = begin("run", "search.yaml", "--cluster", f"{kind}.yaml")
    until(lambda: list(at.glob("runs/*/journal.jsonl")))
    run = the_run()
    code, _, err = ask("stop", run)
    assert (code, "stopped; resume with:" in err) == (0, True)
    _, err = follower.communicate(timeout=60)
    assert follower.returncode == 130, err
    assert "failed with exit code 130: stopped" in err
    assert len((run / "job" / "starts").read_text().splitlines()) == 1
    text = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(run) not in text


@every_queue
def test_with_nobody_following_a_dead_job_is_not_called_running(
    wish, submitted, state_of, calls, until, kind
):
    wish(driver={"die": 9})
    run = submitted(kind)
    until((run / "journal.jsonl").exists)
    time.sleep(0.5)
    assert state_of(run)["state"] in ("failed", "lost")
    asked = len(calls(QUERY[kind]))
    assert state_of(run)["state"] in ("failed", "lost")
    assert len(calls(QUERY[kind])) == asked, "what was found out is not asked again"


def test_a_silent_host_is_said_at_once(wish, submitted, state_of, until, monkeypatch):
    wish(driver={"die": 9}, frozen=["4711"])
    run = submitted()
    until((run / "journal.jsonl").exists)
    monkeypatch.setattr("autopeft.clusters.judgement.SILENT_S", 0.5)
    time.sleep(1)
    job = state_of(run)
    assert job["state"] == "lost"
    assert "silent" in job["reason"]
    assert not (run / "job" / "ended.json").exists(), "the scheduler still lists it"


@every_queue
def test_all_runs_are_listed_with_one_query(ask, at, wish, submitted, calls, kind):
    wish(hold=True)
    run = submitted(kind)
    for number in range(50):
        copy = run.with_name(f"copy-{number:02d}")
        shutil.copytree(run, copy)
        note = copy / "job" / "submitted.json"
        note.write_text(note.read_text().replace("4711", str(5000 + number)))
        job = {"id": str(5000 + number), "kind": kind, "script": "x", "size": 0}
        (at / "scheduler" / f"{5000 + number}.json").write_text(json.dumps(job))
    before = len(calls(QUERY[kind]))
    code, out, err = ask("list")
    assert code == 0, err
    assert len(calls(QUERY[kind])) - before == 1
    assert out.count("pending") == 51
    assert out.count("0/4") == 51


def test_list_shows_what_each_run_is_at(ask, at, submitted, until):
    run = submitted()
    local = run.with_name("local-1")
    local.mkdir()
    text = (at / "search.yaml").read_text()
    (local / "search.yaml").write_text(text)
    (local / "journal.jsonl").write_bytes((at / "scheduler" / "lines.jsonl").read_bytes())
    (run.with_name("broken-1")).mkdir()
    (run.with_name("broken-1") / "search.yaml").write_text("search: {trials: none}\n")
    (run.with_name("broken-1") / "journal.jsonl").touch()
    (run.with_name("project")).mkdir()
    (run.with_name("project") / "search.yaml").write_text(text)
    until((run / "job" / "exit").exists)
    code, out, _ = ask("list", "--json")
    assert code == 0
    rows = {Path(row["run"]).name: row for row in json.loads(out)}
    assert rows[run.name]["state"] == "done"
    assert rows[run.name]["job"] == "4711"
    assert rows[run.name]["trials"] == {"counted": 4, "wanted": 4}
    assert rows["local-1"]["state"] == "done"
    assert rows["broken-1"]["state"] == "unreadable"
    assert "project" not in rows
    code, out, _ = ask("list")
    assert "broken-1" in out
    assert "accuracy 0." in out, out


def test_without_runs_list_says_how_to_begin(ask, at):
    code, out, err = ask("list")
    assert (code, out) == (0, "")
    assert "no runs in runs; begin one with: autopeft run search.yaml" in err


def test_a_scheduler_that_does_not_answer_is_said_and_the_run_left_alone(
    ask, wish, submitted, calls
):
    wish(hold=True)
    run = submitted()
    wish(hold=True, down="Unable to contact slurm controller")
    code, out, _ = ask("status", run)
    assert (code, "does not answer: Unable to contact slurm controller" in out) == (0, True)
    code, _, err = ask("resume", run)
    assert code == 1
    assert "whether 4711, submitted before, still runs is not known" in err
    assert len(calls("sbatch")) == 1


def test_nothing_changes_while_the_job_is_there(ask, wish, submitted, calls):
    wish(hold=True)
    run = submitted()
    code, _, err = ask("resume", run, "search.trials=8")
    assert code == 2
    assert "job 4711 is still there, so nothing can change: autopeft stop runs/small-" in err
    code, _, err = ask("resume", run, "--detach")
    assert (code, len(calls("sbatch"))) == (0, 1)


@pytest.mark.slow
def test_a_sweep_moves_to_another_cluster(ask, wish, submitted, at, calls):
    wish(hold=True)
    run = submitted()
    ask("stop", run)
    wish()
    code, out, err = ask("resume", run, "--cluster", "pbs.yaml")
    assert (code, "winner" in out) == (0, True), err
    assert "cluster.kind: slurm → pbs" in err
    assert len(calls("qsub")) == 1


def test_logs_follow_a_job_to_its_end(wish, submitted, begin, at, until, ask):
    wish(driver={"wait": str(at / "go")})
    run = submitted()
    reader = begin("logs", "-f", run)
    until((run / "job.log").exists)
    time.sleep(0.5)
    assert reader.poll() is None
    (at / "go").touch()
    out, err = reader.communicate(timeout=60)
    assert reader.returncode == 0, err
    assert out.splitlines()[-1].endswith("ended with exit code 0")
    code, whole, _ = ask("logs", run)
    assert (code, whole) == (0, out)


@pytest.mark.slow
def test_ctrl_c_ends_the_reading_of_logs_and_nothing_else(wish, submitted, begin, at, until, calls):
    wish(driver={"wait": str(at / "go")})
    run = submitted()
    reader = begin("logs", "--follow", run)
    until(lambda: len(calls("squeue")) > 2)
    reader.send_signal(signal.SIGINT)
    _, err = reader.communicate(timeout=30)
    assert (reader.returncode, err) == (130, "")
    assert not calls("scancel")


def test_logs_of_what_has_not_begun_say_so(ask, wish, submitted):
    wish(hold=True)
    run = submitted()
    code, _, err = ask("logs", run)
    assert (code, "nothing has been written yet" in err) == (1, True)


def test_the_way_to_the_dashboard(ask, wish, submitted, at, until):
    wish(driver={"wait": str(at / "go")})
    run = submitted()
    code, _, err = ask("dashboard", run)
    assert (code, "its Ray is not up" in err) == (1, True)
    until((run / "journal.jsonl").exists)
    hosts = (RayHost("n1", 4, 0, None, ready=True), RayHost("n2", 4, 0, None, ready=False))
    publish(run, Rendezvous("10.0.0.1:9000", "127.0.0.1:8270", "n1", hosts, "4711", "/r/token"))
    code, out, _ = ask("dashboard", run)
    assert code == 0
    assert "ssh -N -L 8270:127.0.0.1:8270 -J " in out
    assert "@n1\n" in out
    assert "http://127.0.0.1:8270" in out
    assert "/r/token" in out
    code, out, _ = ask("status", run)
    assert "hosts: n1, n2 (not ready)" in out
    assert "dashboard: 127.0.0.1:8270 on n1: autopeft dashboard runs/small-" in out


def test_a_tunnel_is_opened_and_closed_from_here(
    ask, wish, submitted, at, until, monkeypatch, tmp_path
):
    wish(driver={"wait": str(at / "go")})
    run = submitted()
    until((run / "journal.jsonl").exists)
    host = (RayHost("n1", 4, 0, None, ready=True),)
    publish(run, Rendezvous("10.0.0.1:9000", "127.0.0.1:8270", "n1", host, "4711", "/r/token"))
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "ssh").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/ssh\n')
    (fake / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:/usr/bin:/bin")
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    code, _, err = ask("dashboard", run, "--open")
    assert (code, opened) == (0, ["http://127.0.0.1:8270"]), err
    words = (tmp_path / "ssh").read_text()
    assert words == "-N -o ExitOnForwardFailure=yes -L 8270:127.0.0.1:8270 n1\n"
