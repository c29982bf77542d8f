"""The first process of a host, inside its namespaces: mounts, name, then reaping orphans.

Run by host.py with the interpreter alone. When this process ends, the kernel ends its host.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict


class Setup(TypedDict):
    """What makes one host; sizes in mebibytes."""

    name: str
    binds: dict[str, str]  # seen here -> real place
    visible: list[str]  # what the user can read wherever it lies
    tmp_mb: int
    shm_mb: int


def main() -> None:
    setup: Setup = json.loads(sys.argv[1])
    socket.sethostname(setup["name"])
    for seen, real in setup["binds"].items():
        _mount("--bind", real, seen)
    visible = [Path(path) for path in setup["visible"]]
    for folder in closed_above(visible):
        mask(folder, visible, mode="0755", size_mb=1)
    mask(Path("/tmp"), visible, mode="1777", size_mb=setup["tmp_mb"])
    mask(Path("/dev/shm"), visible, mode="1777", size_mb=setup["shm_mb"])
    os.chdir("/")
    print("ready", flush=True)
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    while True:
        reap()


def reap() -> None:
    """Wait for a child or an orphan to end: otherwise the dead stay in the process table."""
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.2)


def closed_above(paths: list[Path]) -> set[Path]:
    """The topmost folders on the way to these that only root may enter, such as /root."""
    closed = set()
    for path in paths:
        ways = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
        closed.update(ways[:1])
    return closed


def mask(folder: Path, visible: list[Path], *, mode: str, size_mb: int) -> None:
    """An empty file system of this host's own hides the folder, but for what stays visible."""
    kept = {
        path: os.open(path, os.O_PATH) for path in sorted(visible) if path.is_relative_to(folder)
    }
    _mount("-t", "tmpfs", "-o", f"mode={mode},size={size_mb}m", "tmpfs", str(folder))
    for path, handle in kept.items():
        path.mkdir(parents=True, exist_ok=True)
        # Only the open handle still leads to what the mount has hidden.
        _mount("--no-canonicalize", "--bind", f"/proc/self/fd/{handle}", str(path), keep=(handle,))
        os.close(handle)


def _mount(*words: str, keep: tuple[int, ...] = ()) -> None:
    subprocess.run(["mount", *words], check=True, pass_fds=keep)


if __name__ == "__main__":
    main()
