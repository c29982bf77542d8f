"""The only place that starts a process."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autopeft.core.errors import ClusterError

ANSWER_WITHIN_S = 60
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command said: its exit code, its answer, its errors."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What it said when it failed, in its own words."""
        return (self.err.strip() or self.out.strip() or f"exit code {self.code}")[-2000:]


def start(command: Sequence[str], *, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start ``command`` in the terminal's own process group, so that Ctrl-C reaches it too."""
    return subprocess.Popen(list(command), env=environment)


def start_apart(
    command: Sequence[str], *, environment: dict[str, str], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own, so that all of it can be ended together."""
    return subprocess.Popen(
        list(command),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def start_bound(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    output: IO[bytes] | None = None,
    talks: bool = False,
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own that is told to terminate when we end, however.

    The kernel tells it when the *thread* that calls this ends: call it from the main thread.

    Args:
        command: The words.
        environment: All of it.
        output: Where it writes; by default where we do.
        talks: Whether it is to be told something on stdin.
    """
    libc = ctypes.CDLL(None)

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

    return subprocess.Popen(
        list(command),
        env=dict(environment),
        stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=bind,
    )


def end_session(process: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """End a process and all that it has started in its session: first asked, then killed.

    Ray's workers rename themselves and their parents come and go; the session stays.
    """
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
    while left := _of_session(process.pid):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.poll()
        time.sleep(0.02)


def end_rest_of_session() -> None:
    """Kill all that this process, the leader of a session, has started in it."""
    while left := [pid for pid in _of_session(os.getpid()) if pid != os.getpid()]:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _of_session(leader: int) -> list[int]:
    """Return the processes of a session that have not ended; zombies wait for their parents."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # "pid (name) state ppid pgrp session": the name may hold spaces and brackets.
                words = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                if int(words[3]) == leader and words[0] not in "ZX":
                    found.append(int(entry.name))
    return found


def capture(command: Sequence[str], *, timeout_s: float = ANSWER_WITHIN_S) -> Reply:
    """Run a scheduler's command and return its reply, good or bad.

    It does not see our terminal: Ctrl-C must not cut a submission in two.

    Raises:
        ClusterError: There is no such command here, or it does not come back.
    """
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError:
        raise ClusterError(
            f"{command[0]}: no such command on this host; log in where jobs are submitted, or load "
            "the scheduler's module"
        ) from None
    except OSError as error:
        raise ClusterError(f"{command[0]}: cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{command[0]}: no answer within {timeout_s:g} s") from None
    return Reply(done.returncode, done.stdout, done.stderr)
