"""A whole sweep inside a job of two hosts, both of which are this machine.

A fake `srun` starts the second. What needs real schedulers is in tests/live.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autopeft.clusters.rendezvous import find_rendezvous
from autopeft.spec.load import load_sweep
from autopeft.tracking.events import Status
from autopeft.tracking.run_folder import RunFolder, create_run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
SRUN = """#!/bin/bash
exec "${@: -1}"
"""
SPEC: dict[str, Any] = {
    "name": "two",
    "task": {"kind": "contrastive", "data": {"kind": "procedural", "clips": 280}},
    "method": {"kind": "lora", "learning_rate": "search", "rank": "search"},
    "training": {"steps": 80, "report_every": 10},
    "search": {"trials": 8, "retrain": 0, "baselines": False, "searcher": {"kind": "random"},
               "scheduler": {"kind": "none"}},
    "tracking": {"enabled": False},
    "cluster": {"profile": "slurm", "hosts": 2, "cpus_per_host": 1, "memory_gb": 2},
}  # fmt: skip


BROKEN = "#!/bin/bash\necho 'srun: error: no way to other' >&2\nexit 1\n"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make(tmp_path)


def make(tmp_path: Path, **cluster: Any) -> RunFolder:
    spec = {**SPEC, "cluster": {**SPEC["cluster"], **cluster}}
    made = create_run(load_sweep(spec), tmp_path / "runs")
    (made.path / "faults.json").write_text('{"all": "500ms"}')
    return made


def drive(run: RunFolder, tools: Path, *, srun: str = SRUN) -> subprocess.CompletedProcess[str]:
    tools.mkdir()
    (tools / "srun").write_text(srun)
    (tools / "srun").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NODELIST": f"{socket.gethostname()},other",
        "SLURM_JOB_CPUS_PER_NODE": "1(x2)",
        "AUTOPEFT_TRIALS": "trivial",
    }
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, "-P", "-m", "autopeft.cli.main", "drive", str(run.path)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def test_a_sweep_runs_on_both(run: RunFolder, tmp_path: Path) -> None:
    done = drive(run, tmp_path / "bin")
    assert done.returncode == 0, done.stderr
    assert "other is ready" in done.stderr
    trials = run.history().trials.values()
    assert [trial.status for trial in trials] == [Status.FINISHED] * 8
    assert len({trial.details["process"] for trial in trials}) == 2
    assert find_rendezvous(run.path) is None
    left = subprocess.run(["pgrep", "-f", str(run.path)], capture_output=True, text=True)
    assert left.stdout == ""


def test_a_host_that_cannot_be_reached_is_named(run: RunFolder, tmp_path: Path) -> None:
    done = drive(run, tmp_path / "bin", srun=BROKEN)
    assert done.returncode == 1
    assert "1 of 2 hosts have Ray, at least 2 are wanted (min_hosts); missing:" in done.stderr
    assert "  srun: error: no way to other" in done.stderr


def test_a_sweep_may_begin_without_a_host(tmp_path: Path) -> None:
    run = make(tmp_path, min_hosts=1)
    done = drive(run, tmp_path / "bin", srun=BROKEN)
    assert done.returncode == 0, done.stderr
    assert "the sweep begins without them" in done.stderr
    assert run.history().counted == 8
