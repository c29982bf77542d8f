"""This machine as a cluster: the driver is a child process, watched and restarted."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from autopeft.clusters.driver import (
    FINAL,
    INTERRUPTED,
    MAX_RESTARTS,
    Lives,
    driver_environment,
    driver_words,
    name_of_exit,
)
from autopeft.clusters.shell import start
from autopeft.core.errors import ClusterError
from autopeft.core.process_mark import ProcessMark
from autopeft.tracking.run_folder import RunFolder


def run_driver(run: RunFolder, *, warn: Callable[[str], None] = lambda text: None) -> int:
    """Run ``autopeft drive`` on ``run`` until it ends; start it again if it is killed.

    A dead raylet takes its driver with it, and the kernel may kill either; the journal makes the
    next driver go on where the last stopped. Restarts that bring no report count, up to
    ``MAX_RESTARTS``.

    Args:
        run: The run folder.
        warn: Called with a sentence for every restart.

    Returns:
        The driver's last exit code; 1 if it kept dying, 130 if somebody asked to stop.
    """
    lives = Lives(run)
    with _Requests() as requests:
        while True:
            code = requests.wait(start(driver_words(run), environment=driver_environment()))
            if code in FINAL:
                return code
            if requests.came:
                return INTERRUPTED
            if not lives.another():
                warn(f"the driver died {MAX_RESTARTS} times without progress; see {run.driver_log}")
                return 1
            warn(f"the driver died ({name_of_exit(code)}); starting it again, nothing is lost")
            time.sleep(1)


class _Requests:
    """Whoever asks this process to stop asks the driver; it ends first, and says how.

    A terminal's Ctrl-C has reached the driver already, being in the same process group.
    """

    def __init__(self) -> None:
        self.came = False
        self._driver: subprocess.Popen[bytes] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.getsignal(number)
            if self._before[number] is not signal.SIG_IGN:  # nohup
                signal.signal(number, self._pass_on)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, driver: "subprocess.Popen[bytes]") -> int:
        """Return the driver's exit code once it has ended."""
        self._driver = driver
        if self.came:  # while there was none
            driver.terminate()
        return driver.wait()

    def _pass_on(self, number: int, frame: object) -> None:
        self.came = True
        if number != signal.SIGINT and self._driver is not None:
            self._driver.send_signal(number)


def stop_driver(run: RunFolder, *, timeout_s: float = 60) -> None:
    """Ask the driver of ``run`` to stop as Ctrl-C would, and wait until it has.

    Raises:
        ClusterError: No driver runs, or it does not stop in time.
    """
    driver = driver_of(run)
    if driver is None:
        raise ClusterError(f"{run.path.name}: no driver is running on this machine")
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(driver.pid, signal.SIGINT)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not driver.is_alive:
            return
        time.sleep(0.2)
    raise ClusterError(f"{run.path.name}: the driver (process {driver.pid}) has not stopped yet")


def driver_of(run: RunFolder) -> ProcessMark | None:
    """Return the driver of ``run``, if one is at work on this machine.

    A driver that was killed leaves its note behind, and its number goes to another process.
    """
    try:
        driver = ProcessMark.read(json.loads(run.driver.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    return driver if driver is not None and driver.is_alive else None
