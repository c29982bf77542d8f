"""Jobs to render, and a scheduler made of executables on PATH."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autopeft.cli.main import main
from autopeft.clusters import DIALECTS
from autopeft.clusters.base import Job
from autopeft.clusters.dispatch import split_tasks
from autopeft.spec.cluster import for_mode
from autopeft.spec.cluster_file import load_profile
from autopeft.spec.load import load_sweep
from autopeft.tracking.events import EVENTS

FAKES = Path(__file__).parents[1] / "fakes" / "bin"
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
# As `autopeft` in a process of its own, with the driver that writes what the test prepared.
AUTOPEFT = """\
import sys
from autopeft.clusters import sweep_job, standing
sweep_job._program = lambda: {program!r}
standing.BETWEEN_ROUNDS_S = 0.1
from autopeft.cli.main import main
sys.exit(main())
"""


def job_of(folder, profile="slurm", mode="cpu", tasks=0, per_job=1, words=(), **fields) -> Job:
    """Return a job in ``folder``."""
    shape = load_profile(profile, words)
    log = Path(folder) / "prep.log"
    return Job(
        **{
            "name": "prep",
            "command": ("python", "prep.py", "--name", "it's one word"),
            "profile": for_mode(shape, mode),
            "workdir": Path(folder),
            "log": log,
            "records": Path(f"{log}.job"),
            "chunks": split_tasks(tasks, per_job),
            "task_count": tasks,
            **fields,
        }
    )


@pytest.fixture
def make_job(tmp_path) -> Callable[..., Job]:
    """Return a maker of jobs in the test's folder."""

    def made(profile="slurm", mode="cpu", folder=tmp_path, **fields):
        return job_of(folder, profile, mode, **fields)

    return made


@pytest.fixture(scope="session")
def job_anywhere() -> Callable[..., Job]:
    """Return a maker of jobs in any folder."""
    return job_of


@pytest.fixture
def fake_cluster(tmp_path, monkeypatch):
    """Put the fake schedulers on PATH, with a state folder of their own; return that folder."""
    state = tmp_path / "scheduler"
    state.mkdir()
    monkeypatch.setenv("PATH", f"{FAKES}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SCHEDULER", str(state))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert shutil.which("squeue") == str(FAKES / "squeue")
    yield state
    for note in state.glob("*.pid"):  # nothing of a test outlives it
        try:
            os.killpg(int(note.read_text()), 9)
        except (OSError, ValueError):
            continue


# Whole sweeps


@pytest.fixture
def at(fake_cluster, tmp_path, monkeypatch):
    """The working folder with a search file and a site for each scheduler."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("autopeft.clusters.sweep_job._program", lambda: str(PROGRAM))
    monkeypatch.setattr("autopeft.clusters.standing.BETWEEN_ROUNDS_S", 0.1)
    (tmp_path / "search.yaml").write_text(SEARCH)
    for kind in DIALECTS:
        (tmp_path / f"{kind}.yaml").write_text(SITE.format(kind=kind))
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


@pytest.fixture(scope="session")
def command_line() -> Callable[..., list[str]]:
    """Return the words that start ``autopeft`` as a process of its own."""

    def words(*arguments):
        return [sys.executable, "-c", AUTOPEFT.format(program=str(PROGRAM)), *map(str, arguments)]

    return words


@pytest.fixture
def begin(at, command_line):
    """Start ``autopeft`` as a process of its own; end it with the test."""
    started = []

    def start(*arguments, **options):
        words = command_line(*arguments)
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        started.append(subprocess.Popen(words, start_new_session=True, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def calls(fake_cluster):
    """Return the calls so far of some of the scheduler's commands."""

    def called(*names):
        path = fake_cluster / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split(None, 1)[1] for line in lines if line.split()[1] in names]

    return called


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Return what waits for a condition; this machine may be busy."""

    def wait(condition, timeout_s=60):
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.05)

    return wait


@pytest.fixture
def the_run(at):
    """Return what finds the one run folder there is."""

    def found():
        (run,) = (at / "runs").glob("small-*")
        return run

    return found
