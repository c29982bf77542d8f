"""`autopeft job` through fake schedulers on PATH: exit codes, arrays, skips, losses, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autopeft.cli.main import main
from autopeft.clusters import DIALECTS
from autopeft.clusters.base import JobState, Seen
from autopeft.clusters.dispatch import exit_code, split_tasks

every_cluster = pytest.mark.parametrize("cluster", ["local", *DIALECTS])
every_queue = pytest.mark.parametrize("cluster", list(DIALECTS))
# Seconds each: one of them in `make test`, all of them in CI.
every_queue_in_time = pytest.mark.parametrize(
    "cluster",
    [pytest.param(kind, marks=[] if kind == "slurm" else [pytest.mark.slow]) for kind in DIALECTS],
)


@pytest.fixture
def at(fake_cluster, tmp_path, monkeypatch):
    """The working folder, the fake schedulers beside it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def job(at, capfd):
    """Call ``autopeft job``; return its exit code and what it said."""

    def call(cluster, *arguments):
        quick = ["--set", "query_every_s=0.2"] if cluster != "local" else []
        code = main(["job", "--cluster", cluster, *quick, *map(str, arguments)])
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return code, said.out + said.err

    return call


@pytest.fixture
def wish(fake_cluster):
    def told(**wishes):
        (fake_cluster / "wishes.json").write_text(json.dumps(wishes))

    return told


def calls(state):
    return [line.split()[1] for line in (state / "calls").read_text().splitlines()]


def start(cluster, *arguments):
    """Start ``autopeft job`` as a process of its own."""
    quick = ["--set", "query_every_s=0.2"] if cluster != "local" else []
    words = ["job", "--cluster", cluster, *quick, *map(str, arguments)]
    return subprocess.Popen(
        [sys.executable, "-m", "autopeft.cli.main", *words],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def until(condition, timeout_s=20):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def sh(text):
    return ("--", "bash", "-c", text)


@every_cluster
@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_passes_through(job, at, cluster, code):
    found, said = job(cluster, "cpu", "prep.log", *sh(f"echo hello; exit {code}"))
    assert found == code, said
    assert "hello" in (at / "prep.log").read_text()
    assert ("| hello" in said) == bool(code), "of a failure the last lines are shown"
    assert ("failed with exit code 3" in said) == bool(code)


@every_cluster
def test_an_array_covers_every_task_once(job, at, cluster):
    text = "for i in $(seq $TASK_INDEX $((TASK_INDEX + TASK_STEPSIZE - 1))); do touch t$i; done"
    code, said = job(cluster, "array", "--tasks", 7, "--tasks-per-job", 3, "prep.log", *sh(text))
    assert code == 0, said
    assert sorted(path.name for path in at.glob("t[0-9]")) == [f"t{i}" for i in range(1, 8)]
    assert sorted(path.name for path in at.glob("*.log")) == [
        "prep.1.log", "prep.4.log", "prep.7.log",
    ]  # fmt: skip


@every_cluster
def test_what_is_done_is_skipped_and_the_rest_runs_again(job, at, cluster):
    text = "echo ran >> ran.$TASK_INDEX; [ $TASK_INDEX != 3 ] || [ -e mended ] || exit 9"
    words = ("array", "--tasks", 5, "--tasks-per-job", 2, "prep.log", *sh(text))
    code, said = job(cluster, *words)
    assert code == 9, said
    (at / "mended").touch()
    code, said = job(cluster, *words)
    assert code == 0, said
    assert "3 tasks done already" in said
    runs = [len((at / f"ran.{start}").read_text().split()) for start in (1, 3, 5)]
    assert runs == [1, 2, 1]
    code, said = job(cluster, *words)
    assert (code, "5 tasks done already" in said) == (0, True)
    code, said = (
        job(cluster, *words[:-3], "--again", *words[-3:])
        if False
        else job(cluster, "array", "--again", *words[1:])
    )
    assert code == 0, said
    assert len((at / "ran.1").read_text().split()) == 2


@every_cluster
def test_another_command_under_the_same_log_skips_nothing(job, at, cluster):
    assert job(cluster, "cpu", "prep.log", *sh("touch one"))[0] == 0
    assert job(cluster, "cpu", "prep.log", *sh("touch two"))[0] == 0
    assert (at / "two").exists()


@every_cluster
def test_a_task_list_gives_each_job_its_lines(job, at, cluster):
    (at / "files.txt").write_text("a b.wav\nc.wav\n\nd.wav\n")
    text = 'while read -r file; do touch "seen $file"; done < "$TASK_LIST"; echo $TASK_COUNT'
    code, said = job(
        cluster, "array", "--task-list", "files.txt", "--tasks-per-job", 2, "x.log", *sh(text)
    )
    assert code == 0, said
    assert sorted(path.name for path in at.glob("seen *")) == [
        "seen a b.wav", "seen c.wav", "seen d.wav",
    ]  # fmt: skip
    assert "3\n" in (at / "x.1.log").read_text()


@every_cluster
def test_dry_run_prints_the_script_and_does_nothing(job, at, fake_cluster, cluster):
    before = sorted(at.iterdir())
    code, said = job(cluster, "gpu", "--dry-run", "new/prep.log", *sh("touch ran"))
    assert code == 0
    assert said.startswith("#!/bin/bash\n")
    assert sorted(at.iterdir()) == before
    assert not (fake_cluster / "calls").exists()


@every_queue
def test_a_refusal_is_told_in_the_schedulers_own_words(job, wish, cluster):
    wish(refuse="error: invalid partition specified: nope")
    code, said = job(cluster, "cpu", "prep.log", *sh("true"))
    assert code == 1
    assert "refuses prep: error: invalid partition specified: nope" in said


@every_queue
def test_a_job_killed_with_9_is_reported(job, at, cluster):
    # The whole group, as the kernel's or a scheduler's last word.
    code, said = job(cluster, "cpu", "prep.log", *sh("kill -9 0"))
    assert code in (137, 1), said
    assert "failed" in said or "lost" in said


@every_queue
def test_a_job_deleted_while_queued_is_reported(at, fake_cluster, wish, cluster):
    wish(hold=True)
    process = start(cluster, "cpu", "prep.log", *sh("touch ran"))
    until(lambda: (at / "prep.log.job" / "submitted.json").exists())
    cancel = {"slurm": ["scancel", "4711"]}.get(cluster, ["qdel", "4711"])
    subprocess.run(cancel, check=True)
    began = time.monotonic()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1, said
    assert "failed" in said or "lost" in said
    assert time.monotonic() - began < 10, "a few intervals"
    assert not (at / "ran").exists()


@every_queue_in_time
def test_a_silent_host_is_reported_and_the_job_cancelled(
    job, at, fake_cluster, wish, cluster, monkeypatch
):
    monkeypatch.setattr("autopeft.clusters.judgement.SILENT_S", 1.5)
    wish(frozen=["4711"])
    code, said = job(cluster, "cpu", "prep.log", *sh("sleep 0.5; kill -9 0"))
    assert code == 1, said
    assert "lost: its host has been silent" in said
    assert calls(fake_cluster)[-1] in ("scancel", "qdel")


@every_queue_in_time
def test_a_scheduler_that_does_not_answer_is_waited_for(at, wish, cluster):
    wish(down="Unable to contact the controller")
    process = start(cluster, "cpu", "prep.log", *sh("exit 3"))
    until(lambda: (at / "prep.log.job" / "exit").exists())
    time.sleep(1)
    assert process.poll() is None
    wish()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "does not answer, still waiting: Unable to contact the controller" in said


@every_cluster
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_cancels_and_leaves_nothing(at, fake_cluster, cluster, number, code):
    text = "echo $$ > pid; sleep 60 & wait"
    process = start(cluster, "cpu", "prep.log", *sh(text))
    until(lambda: (at / "pid").exists() and (at / "pid").read_text().strip())
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code, said
    if cluster != "local":
        assert "4711" in said
        assert "is cancelled" in said
    until(lambda: not Path(f"/proc/{int((at / 'pid').read_text())}").exists())
    assert not (at / "prep.log.job" / "submitted.json").exists()


@every_queue_in_time
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_it_is_submitted_cancels(at, wish, cluster, number):
    wish(slow_reply=1)  # the job is there, and its id is not known yet
    process = start(cluster, "cpu", "prep.log", *sh("touch began; sleep 60"))
    until(lambda: (at / "began").exists())
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode in (130, 143), said
    assert "prep: 4711" in said
    assert "is cancelled" in said
    assert not (at / "prep.log.job" / "submitted.json").exists()


@every_queue_in_time
def test_ctrl_c_while_queued_cancels(at, wish, cluster):
    wish(hold=True)
    process = start(cluster, "array", "--tasks", 3, "prep.log", *sh("touch ran"))
    until(lambda: (at / "prep.log.job" / "submitted.json").exists())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "is cancelled" in said
    wish()
    subprocess.run(["squeue"] if cluster == "slurm" else ["qstat", "-xml"], check=True)
    assert not (at / "ran").exists()


@pytest.mark.slow
@every_queue_in_time
def test_a_dispatcher_that_was_killed_is_taken_up(at, fake_cluster, wish, job, cluster):
    words = ("array", "--tasks", 2, "prep.log", *sh("until [ -e go ]; do sleep 0.1; done; exit 4"))
    process = start(cluster, *words)
    until(
        lambda: (at / "prep.log.job" / "submitted.json").exists() and (at / "prep.1.log").exists()
    )
    process.kill()
    process.wait()
    second = start(cluster, *words)
    until(lambda: calls(fake_cluster).count("squeue" if cluster == "slurm" else "qstat") > 3)
    (at / "go").touch()
    _, said = second.communicate(timeout=30)
    assert second.returncode == 4, said
    assert "was submitted before and is still there" in said
    submissions = [call for call in calls(fake_cluster) if call in ("sbatch", "qsub")]
    assert len(submissions) == 1


@every_queue_in_time
def test_another_command_does_not_take_up_a_job_that_still_runs(at, fake_cluster, job, cluster):
    process = start(cluster, "cpu", "prep.log", *sh("until [ -e go ]; do sleep 0.1; done"))
    until(lambda: (at / "prep.log.job" / "submitted.json").exists() and (at / "prep.log").exists())
    process.kill()
    process.wait()
    code, said = job(cluster, "cpu", "prep.log", *sh("touch other"))
    assert (code, "another command under this log, is still there" in said) == (1, True)
    (at / "go").touch()
    until(lambda: (at / "prep.log.job" / "exit").exists())
    time.sleep(0.5)
    code, said = job(cluster, "cpu", "prep.log", *sh("touch other"))
    assert (code, (at / "other").exists()) == (0, True), said


@pytest.mark.slow
@every_queue_in_time
def test_two_dispatchers_of_one_log_do_not_meet(at, job, cluster):
    process = start(cluster, "cpu", "prep.log", *sh("until [ -e go ]; do sleep 0.1; done"))
    until(lambda: (at / "prep.log").exists())
    code, said = job(cluster, "cpu", "prep.log", *sh("true"))
    assert (code, "another dispatcher is at work on it" in said) == (1, True)
    (at / "go").touch()
    assert process.wait(30) == 0


@pytest.mark.slow
@every_queue_in_time
def test_50_jobs_of_5_dispatchers_share_one_query_per_interval(at, fake_cluster, cluster):
    words = [sys.executable, "-m", "autopeft.cli.main", "job", "--cluster", cluster]
    words += ["--set", "query_every_s=1", "array", "--tasks", "10"]
    command = sh("until [ -e go ]; do sleep 0.5; done")
    running = [
        subprocess.Popen(
            [*words, f"prep{number}.log", *command],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for number in range(5)
    ]
    until(lambda: len(list(at.glob("prep*.*.log"))) == 50, 60)
    command = "squeue" if cluster == "slurm" else "qstat"
    before, began = calls(fake_cluster).count(command), time.monotonic()
    time.sleep(4)
    asked, seconds = calls(fake_cluster).count(command) - before, time.monotonic() - began
    (at / "go").touch()
    assert [process.wait(60) for process in running] == [0] * 5
    assert 2 <= asked <= seconds + 1, "5 dispatchers with 10 elements each"


def test_what_does_not_go_together_is_said(job):
    for words, expected in (
        (("cpuu", "x.log", *sh("true")), "no mode named 'cpuu'; did you mean 'cpu'?"),
        (("array", "x.log", *sh("true")), "array: no tasks; write --tasks N"),
        (("mpi", "--tasks", 3, "x.log", *sh("true")), "mpi: one job has no tasks"),
        (("cpu", "--processes", 3, "x.log", *sh("true")), "cpu: --processes goes with mpi"),
        (("array", "--task-list", "none.txt", "x.log", *sh("true")), "none.txt: cannot be read"),
    ):
        code, said = job("slurm", *words)
        assert code == 2, said
        assert expected in said


def test_a_profile_that_is_wrong_is_said(job):
    code, said = job("slrum", "cpu", "x.log", *sh("true"))
    assert (code, "did you mean 'slurm'?" in said) == (2, True)


def test_a_host_without_the_scheduler_says_so(at, monkeypatch, capfd):
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["job", "--cluster", "slurm", "cpu", "x.log", "--", "true"]) == 1
    assert "sbatch: no such command on this host" in capfd.readouterr().err


def test_mpi_starts_processes_by_the_sites_launcher(job):
    _, said = job("slurm", "mpi", "--processes", 4, "--dry-run", "x.log", *sh("true"))
    assert "\nsrun --ntasks=4 bash -c true </dev/null &" in said
    _, said = job("pbs", "mpi", "--processes", 4, "--dry-run", "x.log", *sh("true"))
    assert "\nmpirun -np 4 bash -c true </dev/null &" in said


def test_the_first_failure_gives_the_exit_code():
    done, failed = Seen(JobState.DONE, 0), Seen(JobState.FAILED, 3)
    chunks = split_tasks(3, 1)
    assert exit_code(dict.fromkeys(chunks, done)) == 0
    assert exit_code({chunks[0]: done, chunks[1]: failed, chunks[2]: Seen(JobState.LOST)}) == 3
    assert exit_code({None: Seen(JobState.LOST)}) == 1


def test_the_environment_of_the_job_is_the_profiles_and_the_path(at, job, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    _, said = job("sge", "cpu", "--dry-run", "x.log", *sh("true"))
    assert f"export PATH={os.environ['PATH']}" in said
    assert "SECRET" not in said


def test_the_command_line_has_the_last_word_over_a_mode(job):
    _, said = job("slurm", "gpu", "--set", "gpus_per_host=2", "--dry-run", "x.log", *sh("true"))
    assert "#SBATCH --gpus-per-node=2\n" in said
    _, said = job("slurm", "cpu", "--set", "hosts=4", "--dry-run", "x.log", *sh("true"))
    assert "#SBATCH --nodes=4\n" in said
    words = ("--set", "resource_type=node_q", "--dry-run", "x.log", *sh("true"))
    _, said = job("tsubame4", "gpu", *words)
    assert "#$ -l node_q=1\n" in said


@pytest.mark.parametrize("cluster", ["slurm", "sge"])
def test_what_the_scheduler_itself_wrote_is_shown(job, at, cluster):
    own = "prep.log.job/" + ("scheduler.4711.log" if cluster == "slurm" else "prep.o4711")
    text = f"echo 'slurmstepd: error: Exceeded memory limit' > {own}; exit 1"
    _, said = job(cluster, "cpu", "prep.log", *sh(text))
    assert "| slurmstepd: error: Exceeded memory limit" in said


@pytest.mark.slow
def test_an_array_says_counts_and_not_every_element(job, at):
    code, said = job("local", "array", "--tasks", 40, "prep.log", *sh("true"))
    assert code == 0
    assert said.count("\n") < 10
    assert said.splitlines()[-1] == "prep: 40 done"


def test_a_log_that_cannot_be_written_is_said(job, at):
    (at / "prep.log.job").touch()
    code, said = job("local", "cpu", "prep.log", *sh("true"))
    assert (code, "prep.log.job: cannot be written" in said) == (1, True)


def test_a_terminal_that_closes_does_not_end_what_nohup_started(at):
    ignoring = ["nohup", sys.executable, "-m", "autopeft.cli.main", "job", "cpu", "prep.log"]
    process = subprocess.Popen(
        [*ignoring, *sh("until [ -e go ]; do sleep 0.1; done")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: (at / "prep.log").exists())
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    (at / "go").touch()
    assert process.wait(20) == 0
