"""The end of a trial that hangs inside a step: its process ends itself, the driver says why.

A trial is asked about ``search.trial_timeout`` at its reports; one in an endless loop, or waiting
for a file system that is gone, makes none.
"""

import faulthandler
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TRACE = "hang.txt"
LONGEST_GRACE_S = 60.0
# Writing down where it hangs may hang too, if it is the disk that is gone.
LAST_RESORT_S = 5.0


def overdue_after(timeout_s: float | None) -> float | None:
    """Return when a trial without a report is given up: time to end by itself at the next one.

    Example:
        >>> overdue_after(20), overdue_after(3600), overdue_after(None)
        (30.0, 3660.0, None)
    """
    return None if timeout_s is None else timeout_s + min(timeout_s / 2, LONGEST_GRACE_S)


@contextmanager
def deadline(began: float, *, timeout_s: float | None, folder: Path) -> Iterator[None]:
    """End this process if the body still runs when the trial is overdue.

    Neither clock needs the interpreter, which a hanging library may hold for itself: the first
    is a thread of ``faulthandler``, which leaves in ``folder`` where every thread stands, the
    second the kernel's.

    Args:
        began: When the trial did, by ``time.monotonic``.
        timeout_s: ``search.trial_timeout``; ``None`` waits for ever.
        folder: The trial's.
    """
    overdue = overdue_after(timeout_s)
    if overdue is None:
        yield
        return
    left = max(began + overdue - time.monotonic(), 0.01)
    trace = folder / TRACE
    signal.setitimer(signal.ITIMER_REAL, left + LAST_RESORT_S)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with trace.open("w") as file:
            faulthandler.dump_traceback_later(left, exit=True, file=file)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                trace.unlink(missing_ok=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def take_trace(folder: Path) -> str:
    """Return where a worker that was ended hung, if it could write that down, and remove it."""
    trace = folder / TRACE
    text = ""
    with suppress(OSError):
        text = trace.read_text(errors="replace")
        trace.unlink()
    return text
