"""The machine: limits, shared memory, temporary folder, disk."""

import os
import resource
import shutil
import tempfile
from pathlib import Path

from autopeft.clusters.temporary import LONGEST_TEMP_PATH
from autopeft.doctor.finding import Finding, Level

GB = 1e9


def check_open_files() -> Finding:
    """Check how many files a process may open: Ray wants one for each worker and more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _limit("open files", soft, hard, least=1024, good=4096, option="n")


def check_processes() -> Finding:
    """Check how many processes the user may have; threads count too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    return _limit("processes", soft, hard, least=512, good=4096, option="u")


def check_shared_memory(path: Path = Path("/dev/shm")) -> Finding:
    """Check the size of /dev/shm, where Ray keeps objects."""
    if not path.is_dir():
        return Finding(
            "shared memory", Level.WARN, f"{path} is not there",
            "Ray uses the disk instead, slowly; in a container start it with --shm-size=4g",
        )  # fmt: skip
    free = shutil.disk_usage(path).free / GB
    if free < 2:
        return Finding(
            "shared memory", Level.WARN, f"{free:.1f} GB free in {path}",
            "remove old files there; in a container start it with --shm-size=4g",
        )  # fmt: skip
    return Finding("shared memory", Level.OK, f"{free:.0f} GB free in {path}")


def check_temp_path() -> Finding:
    """Check that there is a short writable folder for Ray's sockets."""
    first = Path(tempfile.gettempdir())
    for place in (first, Path("/tmp"), Path("/dev/shm")):
        if len(str(place)) < LONGEST_TEMP_PATH and os.access(place, os.W_OK):
            passed = "" if place == first else f"; {first} is too long for Ray's sockets"
            return Finding("temporary path", Level.OK, f"{place}{passed}")
    return Finding(
        "temporary path", Level.FAIL, f"{first} is too long or read-only, so is /tmp",
        f"export TMPDIR=… to a writable folder of fewer than {LONGEST_TEMP_PATH} characters",
    )  # fmt: skip


def check_disk() -> Finding:
    """Check the space where run folders and Ray's temporary files go."""
    places = {Path.cwd(), Path(tempfile.gettempdir())}
    free, place = min((shutil.disk_usage(place).free / GB, str(place)) for place in places)
    level = Level.FAIL if free < 1 else Level.WARN if free < 5 else Level.OK
    mend = "" if level is Level.OK else "free some space, or choose another disk with --runs"
    return Finding("disk", level, f"{free:.0f} GB free in {place}", mend)


def _limit(name: str, soft: int, hard: int, *, least: int, good: int, option: str) -> Finding:
    if soft == resource.RLIM_INFINITY or soft >= good:
        shown = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft}"
        return Finding(name, Level.OK, shown)
    level = Level.FAIL if soft < least else Level.WARN
    reachable = hard == resource.RLIM_INFINITY or hard >= good
    who = "" if reachable else f" (the hard limit is {hard}; ask the administrator)"
    return Finding(name, level, f"{soft}, Ray wants {good}", f"ulimit -{option} {good}{who}")
