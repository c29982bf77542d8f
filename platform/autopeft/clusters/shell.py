"""The only place that starts a process."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from autopeft.core.errors import ClusterError

ANSWER_WITHIN_S = 60


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
