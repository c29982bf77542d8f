"""What would keep Ray from starting on this host, found before it is tried; limits are raised."""

import resource
import shutil
import socket
from pathlib import Path

from autopeft.core.errors import ClusterError

# Ray's raylet alone holds some hundred files, and each worker some thirty more.
LEAST_FILES, GOOD_FILES = 1024, 65_536
LEAST_PROCESSES = 512
LEAST_SHARED_MB = 80  # below, Ray refuses its object store
SHARED = Path("/dev/shm")
MB = 2**20
# We put adapters and metrics through Ray, never models or data.
MOST_OBJECTS_MB = 2048


def prepare_host() -> int:
    """Raise the soft limits to what Ray wants; return how many bytes its object store may have.

    Raises:
        ClusterError: Ray could not live here; names the host, the limit and the remedy.
    """
    host = socket.gethostname()
    files = _raise_limit(resource.RLIMIT_NOFILE, GOOD_FILES)
    if files < LEAST_FILES:
        raise ClusterError(
            f"{host}: {files} open files are allowed (ulimit -n), Ray needs {LEAST_FILES}; the "
            "administrators raise the hard limit"
        )
    processes = _raise_limit(resource.RLIMIT_NPROC, resource.RLIM_INFINITY)
    if processes < LEAST_PROCESSES:
        raise ClusterError(
            f"{host}: {processes} processes and threads are allowed (ulimit -u), Ray needs "
            f"{LEAST_PROCESSES}; the administrators raise the hard limit"
        )
    return object_store_bytes(SHARED, host=host)


def object_store_bytes(shared: Path, *, host: str) -> int:
    """Return the size of Ray's object store: half of what is free, and never much.

    Raises:
        ClusterError: Ray's least does not fit.
    """
    free = shutil.disk_usage(shared).free // MB if shared.is_dir() else 0
    if free < LEAST_SHARED_MB:
        raise ClusterError(
            f"{host}: {free} MB are free in {shared}, Ray needs {LEAST_SHARED_MB}; remove old "
            "files there, or start the container with a larger one (--shm-size)"
        )
    return max(LEAST_SHARED_MB, min(free // 2, MOST_OBJECTS_MB)) * MB


def _raise_limit(kind: int, good: int) -> float:
    """Raise a soft limit as far as its hard one allows; return it, infinite if there is none."""
    soft, hard = resource.getrlimit(kind)
    unlimited = resource.RLIM_INFINITY
    wanted = hard if good == unlimited else (good if hard == unlimited else min(good, hard))
    if soft != unlimited and (wanted == unlimited or wanted > soft):
        resource.setrlimit(kind, (wanted, hard))
        soft = wanted
    return float("inf") if soft == unlimited else soft
