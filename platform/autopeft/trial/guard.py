"""A process that outlives a worker by a moment, and ends the programs that the worker has left.

A worker that is killed (``kill -9``, a lost driver) can end nothing any more. So it tells this
process over a pipe which process groups are at work; when the pipe closes, those that are not over
are ended. It is no child of the worker's, since Ray kills those, and it heeds no signal that asks.

The second half is what runs in that process: it imports next to nothing, and starts in 15 ms.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

TERM_WITHIN_S = 2.0
POLL_S = 0.02


class Guard:
    """The worker's end; without it what a dead worker left behind would run on."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._process.wait()  # it has forked, and what remains is nobody's child

    def watch(self, group: int) -> None:
        """Take that a process group is at work."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """Take that it is over."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End what is still watched, and the guard itself."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _tell(self, line: str) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            with suppress(BrokenPipeError):  # killed by somebody who kills everything
                self._process.stdin.write(line.encode())


def end_groups(groups: set[int], *, within_s: float = TERM_WITHIN_S) -> None:
    """End process groups: they are asked first, and killed after a moment."""
    for number, patience_s in ((signal.SIGTERM, within_s), (signal.SIGKILL, 0.0)):
        for group in groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        deadline = time.monotonic() + patience_s
        while any(map(is_alive, groups)) and time.monotonic() < deadline:
            time.sleep(POLL_S)


def is_alive(group: int) -> bool:
    """Whether a process group has members; one that has ended and was not waited for is one."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main() -> None:
    """Watch what standard input names until it closes, then end what is left."""
    if os.fork():
        return
    os.setsid()
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        groups = groups | {group} if line[0] == "+" else groups - {group}
    end_groups(groups)


if __name__ == "__main__":
    main()
