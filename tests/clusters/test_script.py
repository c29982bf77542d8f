"""The scripts: word for word what stands in golden/, valid bash, and what they do when run.

After a change on purpose: ``REMAKE_GOLDEN=1 pytest tests/clusters/test_script.py``, and read the
difference.
"""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from autopeft.clusters import DIALECTS
from autopeft.clusters.base import CONTINUE
from autopeft.clusters.script import render
from autopeft.clusters.submission import script_of
from autopeft.clusters.sweep_job import sweep_job
from autopeft.spec.cluster import QueuedProfile
from autopeft.spec.cluster_file import load_profile, profile_names

GOLDEN = Path(__file__).parent / "golden"
HERE = Path("/work/my project")
WORDS = {
    "sge": ["parallel_environment=ray", "hosts=2", "memory_gb=32", "slots_per_host=2"],
    "tsubame4": ["account=tga-mine", "hosts=2"],
    "abci3": ["account=gaa50000", "hosts=2"],
    "pbs": ["hosts=2", "queue=workq", "memory_gb=32", "account=mine", "gpus_per_host=4"],
    "slurm": ["hosts=2", "prologue=ulimit -n 65536", "epilogue=rsync -a out/ keep/"],
}
NAMES = [name for name in profile_names() if name != "local"]


def golden_jobs(job_anywhere):
    """Return every golden script by its file's name."""
    for name in profile_names():
        words = WORDS.get(name, [])
        for mode in ("cpu", "gpu", "mpi", "array"):
            if mode == "mpi" and name == "local":
                continue
            many = {"tasks": 5, "per_job": 2, "task_list": True} if mode == "array" else {}
            many |= {"processes": 8} if mode == "mpi" else {}
            yield f"{name}.{mode}", job_anywhere(HERE, name, mode, words=words, **many)
        profile = load_profile(name, words)
        if isinstance(profile, QueuedProfile):
            yield f"{name}.sweep", sweep_job("tiny-clap", HERE / "runs/tiny-clap-1", profile)


CASES = [
    f"{name}.{mode}"
    for name in profile_names()
    for mode in ("cpu", "gpu", "mpi", "array", "sweep")
    if name != "local" or mode not in ("mpi", "sweep")
]


@pytest.fixture(scope="module")
def scripts(job_anywhere):
    return {name: script_of(job) for name, job in golden_jobs(job_anywhere)}


def test_every_profile_has_its_golden_scripts(scripts):
    assert sorted(scripts) == sorted(CASES)
    assert sorted(path.stem for path in GOLDEN.glob("*.sh")) == sorted(CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_script_is_word_for_word_what_it_was(scripts, case):
    path = GOLDEN / f"{case}.sh"
    if os.environ.get("REMAKE_GOLDEN"):
        path.write_text(scripts[case], encoding="utf-8")
    assert scripts[case] == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_a_script_is_valid_bash(case):
    done = subprocess.run(
        ["bash", "-n", str(GOLDEN / f"{case}.sh")], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing():
    files = [str(path) for path in sorted(GOLDEN.glob("*.sh"))]
    done = subprocess.run(["shellcheck", "-s", "bash", *files], capture_output=True, text=True)
    assert done.stdout == ""


def test_no_option_can_smuggle_in_another(make_job):
    job = make_job("slurm", words=["native=[--constraint=a100]"], folder="/tmp/two words")
    options = [line for line in script_of(job).splitlines() if line.startswith("#SBATCH")]
    assert "#SBATCH --output='/tmp/two words/prep.log.job/scheduler.%j.log'" in options
    assert options[-1] == "#SBATCH --constraint=a100"


def test_what_the_dialects_share_stands_once(make_job):
    bodies = set()
    for kind in DIALECTS:
        dialect = DIALECTS.load(kind)()
        text = render(make_job(kind, tasks=4), dialect)
        text = text.replace(dialect.task_variable, "TASK").replace(dialect.job_variable, "JOB")
        lines = [line for line in text.splitlines() if not line.startswith(dialect.directive)]
        bodies.add("\n".join(lines))
    assert len(bodies) == 1


# What a script does


@pytest.fixture
def run_script(make_job, tmp_path):
    """Render a job, run it with bash; return the process and the job."""

    def started(command, *, wait=True, dialect=None, **fields):
        job = make_job("slurm", command=tuple(command), words=fields.pop("words", ()), **fields)
        job.records.mkdir(exist_ok=True)
        script = tmp_path / "script.sh"
        script.write_text(render(job, dialect or DIALECTS.load("slurm")()))
        process = subprocess.Popen(["bash", str(script)], start_new_session=True)
        if wait:
            process.wait(20)
        return process, job

    return started


def until(condition, timeout_s=10):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("code", [0, 3, 127])
def test_the_exit_code_stands_in_the_marker_and_passes_through(run_script, code):
    process, job = run_script(["bash", "-c", f"echo hello; exit {code}"])
    assert process.returncode == code
    assert job.marker(None).read_text() == f"{code}\n"
    log = job.log.read_text()
    assert "hello" in log
    assert f"ended with exit code {code}" in log


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("sleep 60", 143),
        ("trap 'exit 0' TERM; sleep 60 & wait", 143),  # it says success; it was told to end
        ("trap 'exit 3' TERM; sleep 60 & wait", 3),
        ("trap '' TERM; sleep 1; exit 0", 143),
        ("trap '' TERM; sleep 1; exit 5", 5),
    ],
)
def test_a_job_that_is_told_to_terminate_is_never_a_success(run_script, command, expected):
    process, job = run_script(["bash", "-c", f"touch here; {command}"], wait=False)
    until((job.workdir / "here").exists)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)  # the shell alone, as qdel and scancel --batch do
    assert process.wait(20) == expected
    assert job.marker(None).read_text() == f"{expected}\n"


def test_a_warning_reaches_the_command_and_a_good_end_stays_good(run_script):
    command = "trap 'touch warned' USR1; touch here; while [ ! -e warned ]; do sleep 0.05; done"
    process, job = run_script(["bash", "-c", command], wait=False)
    until((job.workdir / "here").exists)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(20) == 0
    assert (job.workdir / "warned").exists()
    assert job.marker(None).read_text() == "0\n"


def test_the_script_itself_warns_where_the_scheduler_does_not(run_script):
    # Three seconds: on a busy machine the command takes one until it hears of the signal.
    class WarnsNobody(DIALECTS.load("slurm")):
        warns_itself = False

    command = "trap 'touch warned; exit 7' USR1; while :; do sleep 0.05; done"
    process, job = run_script(
        ["bash", "-c", command],
        dialect=WarnsNobody(),
        warning_s=60,
        words=["walltime=63s", "warning_s=1"],
    )
    assert process.returncode == 7
    assert (job.workdir / "warned").exists()


def test_a_signal_before_the_command_ends_the_job(run_script, tmp_path):
    words = [f"prologue=touch {tmp_path}/here; sleep 2"]
    process, job = run_script(["touch", "ran"], wait=False, words=words)
    until((job.workdir / "here").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    assert job.marker(None).read_text() == "143\n"
    assert not (job.workdir / "ran").exists()


def test_a_job_killed_with_9_leaves_no_marker_and_its_heartbeat_stops(run_script):
    process, job = run_script(["bash", "-c", "touch here; sleep 60"], wait=False)
    until((job.workdir / "here").exists)
    until(job.heartbeat(None).exists)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(20) == -9
    assert not job.marker(None).exists()
    os.killpg(process.pid, signal.SIGKILL)


def test_a_failing_prologue_ends_the_job(run_script):
    process, job = run_script(["touch", "ran"], words=["prologue=test 1 = 2"])
    assert process.returncode == 1
    assert job.marker(None).read_text() == "1\n"
    assert not (job.workdir / "ran").exists()


@pytest.mark.parametrize("attempt", range(5))
def test_what_is_ended_before_it_began_writes_no_marker(run_script, attempt):
    # `kill` of a child of bash between fork and exec runs the parent's exit trap in the child.
    process, job = run_script(["sleep", "60"], words=["prologue=(exit 9)"])
    assert process.returncode == 9
    assert job.marker(None).read_text() == "9\n"
    assert "exit code 0" not in job.log.read_text()


def test_the_epilogue_always_runs_and_never_changes_the_exit_code(run_script):
    words = ["epilogue=echo ended with $JOB_EXIT_CODE; false"]
    process, job = run_script(["bash", "-c", "exit 4"], words=words)
    assert process.returncode == 4
    assert "ended with 4" in job.log.read_text()
    assert "# the epilogue failed" in job.log.read_text()


def test_scratch_is_private_and_gone_at_the_end(run_script, tmp_path, monkeypatch):
    monkeypatch.setenv("FAST", str(tmp_path))
    process, job = run_script(
        ["bash", "-c", 'stat -c %a "$TMPDIR"; echo "$TMPDIR"'], words=["scratch=$FAST"]
    )
    assert process.returncode == 0
    mode, folder = job.log.read_text().splitlines()[1:3]
    assert mode == "700"
    assert folder.startswith(f"{tmp_path}/autopeft.")
    assert not Path(folder).exists()


def test_starts_are_counted_whoever_started_it_and_the_limit_holds(run_script):
    command = ["bash", "-c", "echo ran >> ran; exit 3"]
    for number in range(1, 5):
        process, job = run_script(command, max_requeues=2)
        assert len(job.starts.read_text().splitlines()) == number
        assert process.returncode == (3 if number <= 3 else CONTINUE)
    assert (job.workdir / "ran").read_text().split() == ["ran"] * 3
    assert job.marker(None).read_text() == f"{CONTINUE}\n"


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Return what sets how Slurm says that this job stands; its requeues are noted."""
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")

    def stands(state):
        show = f'[ "$1" = requeue ] && echo "$@" >> {tmp_path}/asked || echo "JobId=4711 {state}"'
        program.write_text(f"#!/bin/sh\n{show}\n")
        program.chmod(0o755)

    stands("JobState=RUNNING Reason=None")
    return stands


def test_what_was_stopped_does_not_go_on(run_script, tmp_path, scontrol):
    command = ["bash", "-c", f"exit {CONTINUE}"]
    _, job = run_script(command, max_requeues=5)
    assert (tmp_path / "asked").read_text() == "requeue 4711\n"
    assert not job.marker(None).exists(), "it is not over"
    job.stop.touch()
    process, job = run_script(command, max_requeues=5)
    assert (tmp_path / "asked").read_text() == "requeue 4711\n"
    assert (process.returncode, job.marker(None).read_text()) == (CONTINUE, f"{CONTINUE}\n")


@pytest.mark.parametrize(
    ("state", "goes_on"),
    [
        ("JobState=COMPLETING Reason=TimeLimit", True),
        ("JobState=TIMEOUT Reason=TimeLimit", True),
        ("JobState=COMPLETING Reason=None", False),
        ("JobState=CANCELLED Reason=None", False),
    ],
)
def test_what_slurm_is_cancelling_does_not_go_on(run_script, tmp_path, scontrol, state, goes_on):
    scontrol(state)
    _, job = run_script(["bash", "-c", f"exit {CONTINUE}"], max_requeues=5)
    assert (tmp_path / "asked").exists() is goes_on
    assert job.stop.exists() is not goes_on, "nor does who follows it put it back"


def test_words_reach_the_command_as_they_are(run_script):
    words = ["a b", "$HOME", "it's", "*", ""]
    _, job = run_script(
        ["bash", "-c", 'printf "<%s>" "$@"', "x", *words], words=["environment.A=$HOME x"]
    )
    assert "".join(f"<{word}>" for word in words) in job.log.read_text()


def test_an_element_knows_its_tasks(run_script, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    command = ["bash", "-c", "echo tasks $TASK_INDEX $TASK_STEPSIZE of $TASK_COUNT"]
    _, job = run_script(command, tasks=5, per_job=3)
    assert job.array_size == 2
    second = job.chunks[1]
    assert "tasks 4 2 of 5" in job.log_of(second).read_text()
    assert job.marker(second).read_text() == "0\n"


def test_a_single_chunk_is_no_array(make_job):
    job = make_job("pbs", tasks=3, per_job=3)
    assert job.array_size == 0
    assert "-J" not in script_of(job), "PBS knows no array of one"
    assert replace(job, chunks=()).array_size == 0
