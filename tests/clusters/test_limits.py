"""What control groups allow, in both versions; each group above may allow less."""

import os
from pathlib import Path

import psutil
import pytest

from autopeft.clusters.limits import usable_cpus, usable_memory_gb

MINE = len(os.sched_getaffinity(0))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == MINE
    total = psutil.virtual_memory().total / 2**30
    assert usable_memory_gb(tmp_path) == pytest.approx(total, abs=0.01)


def test_version_two_the_least_of_all_groups_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slurm/job_1/step_0\n",
            "sys/fs/cgroup/slurm/job_1/step_0/cpu.max": "max 100000\n",
            "sys/fs/cgroup/slurm/job_1/cpu.max": "100000 100000\n",
            "sys/fs/cgroup/slurm/job_1/memory.max": "1073741824\n",
            "sys/fs/cgroup/slurm/memory.max": "max\n",
        },
    )
    assert usable_cpus(root) == 1
    assert usable_memory_gb(root) == 1.0


def test_version_one(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "7:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/x\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "536870912\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    assert usable_cpus(root) == 1
    assert usable_memory_gb(root) == 0.5


def test_less_than_a_cpu_is_still_one(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
    )
    assert usable_cpus(root) == 1
