"""What this process may use of its host: CPUs by affinity and cgroup, memory by cgroup."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

# cgroup v1 writes "no limit" as the largest multiple of the page size.
UNLIMITED = 1 << 60


def usable_cpus(root: Path = Path("/")) -> int:
    """Return how many CPUs this process may use at once, at least 1."""
    quotas = [math.floor(quota + 1e-9) for quota in _cpu_quotas(root)]
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def usable_memory_gb(root: Path = Path("/")) -> float:
    """Return the memory that this process may fill, in GiB."""
    limits = [limit for limit in _memory_limits(root) if limit < UNLIMITED]
    return round(min([psutil.virtual_memory().total, *limits]) / 2**30, 3)


def _cpu_quotas(root: Path) -> Iterator[float]:
    for folder in _own_groups(root, "cpu"):
        quota, period = [*_words(folder / "cpu.max"), "", ""][:2]
        if not quota:
            quota = "".join(_words(folder / "cpu.cfs_quota_us"))
            period = "".join(_words(folder / "cpu.cfs_period_us"))
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period)


def _memory_limits(root: Path) -> Iterator[int]:
    for folder in _own_groups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            yield from (int(word) for word in _words(folder / name) if word.isdigit())


def _own_groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control group and of all above it: each may limit."""
    mount = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            base = mount
        elif controller in controllers.split(","):
            base = next((b for b in (mount / controllers, mount / controller) if b.is_dir()), mount)
        else:
            continue
        group = base / path.lstrip("/")
        yield group
        yield from (up for up in group.parents if up.is_relative_to(base))


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
