"""This machine as a cluster: the driver is a child process, watched and restarted."""

import os
import signal
import sys
import time
from collections.abc import Callable

import psutil

from autopeft.clusters.shell import start
from autopeft.core.errors import ClusterError
from autopeft.tracking.run_folder import RunFolder

MAX_RESTARTS = 5
# Exit codes of `autopeft drive` that a restart cannot mend: done, failed with a sentence, asked
# wrongly, interrupted by the user.
FINAL = (0, 1, 2, 130)


def run_driver(run: RunFolder, *, warn: Callable[[str], None] = lambda text: None) -> int:
    """Run ``autopeft drive`` on ``run`` until it ends; start it again if it is killed.

    A dead raylet takes its driver with it, and the kernel may kill either; the journal makes the
    next driver go on where the last stopped. Restarts that bring no report count, up to
    ``MAX_RESTARTS``.

    Args:
        run: The run folder.
        warn: Called with a sentence for every restart.

    Returns:
        The driver's last exit code; 1 if it kept dying.
    """
    command = [sys.executable, "-P", "-m", "autopeft.cli.main", "drive", str(run.path)]
    lives, done = MAX_RESTARTS, -1
    while True:
        code = _wait(command)
        if code in FINAL:
            return code
        now = _progress(run)
        lives = MAX_RESTARTS if now > done else lives - 1
        done = now
        if lives <= 0:
            warn(f"the driver died {MAX_RESTARTS} times without progress; see {run.driver_log}")
            return 1
        warn(f"the driver died ({_name(code)}); starting it again, nothing is lost")
        time.sleep(1)


def stop_driver(run: RunFolder, *, timeout_s: float = 60) -> None:
    """Ask the driver of ``run`` to stop as Ctrl-C would, and wait until it has.

    Raises:
        ClusterError: No driver runs, or it does not stop in time.
    """
    path = run.path / "driver.pid"
    try:
        driver = int(path.read_text())
        os.kill(driver, signal.SIGINT)
    except (OSError, ValueError):
        raise ClusterError(f"{run.path.name}: no driver is running on this machine") from None
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(driver):
            return
        time.sleep(0.2)
    raise ClusterError(f"{run.path.name}: the driver (process {driver}) has not stopped yet")


def _progress(run: RunFolder) -> int:
    """Return how many reports and ends the journal holds; a mere restart adds none."""
    lines = run.journal.read_bytes().splitlines() if run.journal.exists() else []
    return sum(b'"event":"reported"' in line or b'"event":"ended"' in line for line in lines)


def _wait(command: list[str]) -> int:
    """Run the driver and return its exit code; Ctrl-C is the driver's to handle."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # The child must not inherit "ignore": it restores the default before it does anything.
        child = start(command, environment={**os.environ, "AUTOPEFT_DRIVER": "1"})
        return child.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
