"""A program at work: its lines as they come, its end, and nothing of it left behind."""

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from autopeft.trial.failures import ObjectiveFailed
from autopeft.trial.guard import POLL_S, TERM_WITHIN_S, Guard, is_alive

LOOK_EVERY_S = 0.1
CHUNK = 65_536
LONGEST_TAIL = 4_000
LONGEST_LINE = 1_000_000


class Process:
    """A program in a process group of its own, which ``end`` ends with everything it started.

    Args:
        words: The program and its arguments; no shell reads them.
        folder: Where it runs.
        environment: What it sees.
        guard: Ends the group should this process be killed.

    Raises:
        ObjectiveFailed: It cannot be started.
    """

    def __init__(
        self, words: Sequence[str], *, folder: Path, environment: Mapping[str, str], guard: Guard
    ) -> None:
        try:
            self._process = subprocess.Popen(
                list(words),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # not there, not executable; a NUL in a word
            why = getattr(error, "strerror", None) or error
            raise ObjectiveFailed(f"not started: {words[0]}: {why}") from error
        self._guard = guard
        guard.watch(self._process.pid)
        self._pipes = selectors.DefaultSelector()
        for name in ("stdout", "stderr"):
            pipe = getattr(self._process, name)
            os.set_blocking(pipe.fileno(), False)
            self._pipes.register(pipe, selectors.EVENT_READ, name)
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._tails = {"stdout": b"", "stderr": b""}

    def next_line(self, *, until: float | None) -> str | None:
        """Return the next line of standard output; ``None`` once the program has ended.

        Args:
            until: When it must have ended, by ``time.monotonic``.

        Raises:
            ObjectiveFailed: It has not, in time.
        """
        while not self._lines:
            if until is not None and time.monotonic() > until:
                raise ObjectiveFailed("timeout: search.trial_timeout is over", log=self.tail)
            if self._pipes.get_map():
                self._read(until)
            elif self._process.poll() is not None:
                return None
            else:  # it has closed its output, and works on
                time.sleep(POLL_S)
        return self._lines.popleft().decode(errors="replace")

    @property
    def code(self) -> int:
        """The exit code, below 0 for a signal; only once it has ended."""
        return int(self._process.returncode)

    @property
    def tail(self) -> str:
        """The end of what it said on standard error, or if that is nothing, on standard output."""
        return (self._tails["stderr"] or self._tails["stdout"]).decode(errors="replace")

    def end(self) -> None:
        """End the program and all it has started; they are asked first, unless it is over."""
        group = self._process.pid
        if self._process.poll() is None:
            _signal(group, signal.SIGTERM)
            deadline = time.monotonic() + TERM_WITHIN_S
            while time.monotonic() < deadline and self._lives():
                time.sleep(POLL_S)
        _signal(group, signal.SIGKILL)
        self._process.wait()
        self._guard.forget(group)
        self._pipes.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _lives(self) -> bool:
        return self._process.poll() is None or is_alive(self._process.pid)

    def _read(self, until: float | None) -> None:
        """Take what the pipes hold; give them up if nothing more of the program's can come."""
        wait_s = LOOK_EVERY_S
        if until is not None:
            wait_s = min(wait_s, max(until - time.monotonic(), 0.0))
        ready = self._pipes.select(wait_s)
        for key, _ in ready:
            chunk = os.read(key.fd, CHUNK)
            if chunk:
                self._take(key.data, chunk)
            else:
                self._pipes.unregister(key.fileobj)
        if not ready and self._process.poll() is not None:  # what it started holds them open
            for key in list(self._pipes.get_map().values()):
                self._pipes.unregister(key.fileobj)
        if not self._pipes.get_map() and self._partial:
            self._take("stdout", b"\n")

    def _take(self, name: str, chunk: bytes) -> None:
        self._tails[name] = (self._tails[name] + chunk)[-LONGEST_TAIL:]
        if name == "stdout":
            *whole, self._partial = (self._partial + chunk).split(b"\n")
            self._lines.extend(whole)
            self._partial = self._partial[-LONGEST_LINE:]


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
