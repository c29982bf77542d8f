"""The driver of a sweep as a child process: how it is called, and how often it may die."""

import os
import signal
import sys

from autopeft.clusters.base import CONTINUE
from autopeft.tracking.run_folder import RunFolder

MAX_RESTARTS = 5
# Exit codes of `autopeft drive` that a restart cannot mend: done, failed with a sentence, asked
# wrongly, interrupted by the user, stopped before the walltime.
INTERRUPTED = 130
FINAL = (0, 1, 2, INTERRUPTED, CONTINUE)
# Set for a driver whose Ray is looked after; in a job, `autopeft drive` without it does that.
IS_DRIVER = "AUTOPEFT_DRIVER"
# By this signal a driver is told that the walltime ends: Tune has SIGUSR1 for itself.
LEAVE = signal.SIGUSR2


def program() -> tuple[str, ...]:
    """Return the words that run this very installation's ``autopeft``.

    ``-P``: from a checkout's root the folder mlflow/ would be imported (docs/tour.md).
    """
    return (sys.executable, "-P", "-m", "autopeft.cli.main")


def driver_words(run: RunFolder) -> list[str]:
    """Return the command of the driver."""
    return [*program(), "drive", str(run.path)]


def driver_environment(**more: str) -> dict[str, str]:
    """Return the environment of the driver."""
    return {**os.environ, **more, IS_DRIVER: "1"}


class Lives:
    """How often the driver of ``run`` may still die: deaths that bring no report count."""

    def __init__(self, run: RunFolder) -> None:
        self._run, self._left, self._done = run, MAX_RESTARTS, -1

    def another(self) -> bool:
        """Take that the driver died; return whether it may be started again."""
        now = _progress(self._run)
        self._left = MAX_RESTARTS if now > self._done else self._left - 1
        self._done = now
        return self._left > 0


def name_of_exit(code: int) -> str:
    """Return how a process ended, in words.

    Example:
        >>> name_of_exit(-9), name_of_exit(70)
        ('SIGKILL', 'exit code 70')
    """
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _progress(run: RunFolder) -> int:
    """Return how many reports and ends the journal holds; a mere restart adds none."""
    lines = run.journal.read_bytes().splitlines() if run.journal.exists() else []
    return sum(b'"event":"reported"' in line or b'"event":"ended"' in line for line in lines)
