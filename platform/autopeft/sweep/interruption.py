"""A driver that is asked to stop: by Ctrl-C, a batch system, or the closing of its terminal.

Or to leave: the walltime ends, and trials stop at their next report.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from autopeft.clusters.driver import LEAVE

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
asked = threading.Event()
leaving = threading.Event()


@contextmanager
def stoppable() -> Iterator[None]:
    """Take the first request for an orderly stop; ``asked`` is set from then on.

    While Tune runs, Tune ends its loop; at any other time it is a ``KeyboardInterrupt``, and so is
    a second Ctrl-C. A batch system may well ask twice, and the terminal once more: that changes
    nothing. What was ignored (``nohup``) stays so.
    """
    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGUSR1, LEAVE)}
    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, partial(_on_signal, before[signal.SIGUSR1]))
    signal.signal(LEAVE, lambda number, frame: leaving.set())
    try:
        yield
    finally:
        asked.clear()
        leaving.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


def _on_signal(not_tunes: object, number: int, frame: FrameType | None) -> None:
    again = asked.is_set()
    asked.set()
    if again and number != signal.SIGINT:
        return
    # Tune listens to SIGUSR1 from its start on; who did before was the user, or an older Tune.
    tune = signal.getsignal(signal.SIGUSR1)
    if again or not callable(tune) or tune is not_tunes:
        raise KeyboardInterrupt
    tune(number, frame)
