"""What keeps Ray from a host is said before it is tried."""

import resource
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from autopeft.clusters import host_check
from autopeft.clusters.host_check import MB, object_store_bytes, prepare_host
from autopeft.core.errors import ClusterError

Usage = namedtuple("Usage", "total used free")


def free(monkeypatch: pytest.MonkeyPatch, mb: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, mb * MB))


@pytest.mark.parametrize(("mb", "store_mb"), [(81, 80), (1000, 500), (64_000, 2048)])
def test_the_object_store_takes_half_and_never_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mb: int, store_mb: int
) -> None:
    free(monkeypatch, mb)
    assert object_store_bytes(tmp_path, host="n1") == store_mb * MB


def test_a_full_shared_memory_names_the_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free(monkeypatch, 16)
    with pytest.raises(ClusterError, match="n1: 16 MB are free"):
        object_store_bytes(tmp_path, host="n1")
    with pytest.raises(ClusterError, match="n1: 0 MB are free"):
        object_store_bytes(tmp_path / "absent", host="n1")


def test_soft_limits_are_raised_and_hard_ones_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {resource.RLIMIT_NOFILE: (256, 4096), resource.RLIMIT_NPROC: (1000, 1000)}

    def set_limit(kind: int, limits: tuple[int, int]) -> None:
        now[kind] = limits

    monkeypatch.setattr(resource, "getrlimit", now.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    monkeypatch.setattr(host_check, "object_store_bytes", lambda path, host: 7)
    assert prepare_host() == 7
    assert now[resource.RLIMIT_NOFILE] == (4096, 4096)
    now[resource.RLIMIT_NOFILE] = (256, 512)
    with pytest.raises(ClusterError, match=r"512 open files are allowed \(ulimit -n\)"):
        prepare_host()
    now[resource.RLIMIT_NOFILE] = (256, resource.RLIM_INFINITY)
    now[resource.RLIMIT_NPROC] = (100, 200)
    with pytest.raises(ClusterError, match=r"200 processes and threads are allowed"):
        prepare_host()
