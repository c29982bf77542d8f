"""MLflow as a view of the journal: followed by a thread while the sweep runs, or synced later.

The thread reads the journal file, so nothing queues up in memory while a server is slow or dead,
and after any failure it simply connects again and starts over: everything it writes is
idempotent, and trials that are complete in the store are skipped.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from autopeft.core.errors import AutopeftError
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import AnyEvent
from autopeft.tracking.history import History
from autopeft.tracking.mlflow_link import Link
from autopeft.tracking.mlflow_sync import SyncReport, finish, sync
from autopeft.tracking.run_folder import RunFolder

PAUSE_S = 2.0  # between two looks at the journal, so that reports travel in batches
LONGEST_PAUSE_S = 60.0
Warn = Callable[[str], None]
log = logging.getLogger(__name__)

__all__ = ["MlflowTracker", "SyncReport", "finish", "sync"]


class MlflowTracker:
    """Writes what is journalled to MLflow, in the background.

    Args:
        run: The run whose journal is followed.
        sweep: Its sweep.
        warn: Called with one sentence when the server goes away, and when it is back.
    """

    def __init__(
        self,
        run: RunFolder,
        sweep: Sweep,
        *,
        warn: Warn = log.warning,
    ) -> None:
        self._link = Link(run, sweep, warn=warn)
        self._warn = warn
        self._pause = PAUSE_S
        self._lack = ""
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow-tracker", daemon=True)
        self._thread.start()

    def listen(self, event: AnyEvent) -> None:
        """Note that the journal has grown; never blocks, never raises."""
        self._news.set()

    @property
    def is_online(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return self._pause == PAUSE_S

    @property
    def is_written(self) -> bool:
        """Whether the server has everything the journal holds."""
        return self._link.is_done

    def close(self, timeout_s: float = 30.0) -> bool:
        """Write what can be written in time; return whether everything reached the server."""
        self._closing.set()
        self._news.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and self._link.is_done

    def finish(self, history: History, timeout_s: float = 60.0) -> bool:
        """Close, then upload the sweep's files and register its winner; warns, never raises.

        What is lacking is noted in the run folder too, for who never sees the driver's log.

        Returns:
            Whether the server now has everything; ``autopeft sync`` completes it later if not.
        """
        run = self._link.run
        if self.close(timeout_s):
            try:
                finish(run, history)
            except AutopeftError as error:
                lack = str(error)
            else:
                run.unsynced.unlink(missing_ok=True)
                return True
        else:
            lack = self._lack or "MLflow does not have everything yet"
        self._warn(f"{lack}; `autopeft sync {run.path}` completes it later")
        with suppress(OSError):  # a disk that is full now
            run.unsynced.write_text(f"{lack}\n")
        return False

    def _work(self) -> None:
        while not self._closing.is_set():
            self._news.wait()
            self._news.clear()
            self._follow()
            self._closing.wait(self._pause)
        self._follow(last=True)

    def _follow(self, *, last: bool = False) -> None:
        """Bring the server up to date; on failure wait longer each time and start over."""
        try:
            self._link.follow(last=last)
        except Exception as error:  # whatever goes wrong with a view must not touch the sweep
            self._lack = _sentence(error)
            if self.is_online:
                self._warn(self._lack)
            self._link.disconnect()
            self._pause = min(2 * self._pause, LONGEST_PAUSE_S)
            self._news.set()
        else:
            if not self.is_online:
                self._warn("MLflow answers again; everything was written")
            self._pause = PAUSE_S
            self._lack = ""


def _sentence(error: Exception) -> str:
    if isinstance(error, AutopeftError):
        return str(error)
    return f"MLflow tracking stumbled: {type(error).__name__}: {error}"
