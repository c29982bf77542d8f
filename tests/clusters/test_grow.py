"""Worker jobs: an array of single hosts of the sweep's own shape."""

from pathlib import Path
from typing import Any

import pytest

from autopeft.clusters.grow import worker_jobs
from autopeft.core.errors import ClusterError
from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep


def sweep(**cluster: Any) -> Sweep:
    spec = {
        "name": "tiny",
        "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
        "method": {"kind": "lora", "learning_rate": "search"},
        "cluster": cluster or "local",
    }
    return load_sweep(spec)


def test_each_has_one_host_of_the_sweeps_shape(tmp_path: Path) -> None:
    wanted = sweep(
        profile="slurm", hosts=4, min_hosts=2, cpus_per_host=8, gpus_per_host=2, memory_gb=64,
        interface="10.0.0.0/16",
    )  # fmt: skip
    job = worker_jobs(wanted, tmp_path, 3, walltime="30m", queue="spare")
    assert job.command[1:] == (
        "join", str(tmp_path), "--gpus=2", "--cpus=8", "--memory=64", "--interface=10.0.0.0/16",
    )  # fmt: skip
    text = job.script.read_text()
    for option in ("--nodes=1", "--array=1-3", "--time=0:30:00", "--partition=spare"):
        assert f"#SBATCH {option}\n" in text
    assert "#SBATCH --signal=B:USR1@120\n" in text
    assert "--no-kill" not in text


def test_a_sweep_on_this_machine_does_not_grow(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="only a sweep on a cluster grows"):
        worker_jobs(sweep(), tmp_path, 1)
