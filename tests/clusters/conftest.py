"""Jobs to render, and a scheduler made of executables on PATH."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autopeft.clusters.base import Job
from autopeft.clusters.dispatch import split_tasks
from autopeft.spec.cluster import for_mode
from autopeft.spec.cluster_file import load_profile

FAKES = Path(__file__).parents[1] / "fakes" / "bin"


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
