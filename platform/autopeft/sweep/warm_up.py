"""One warm worker per slot before the first trial.

Tune gives a trial that waits for its own actor to whichever actor falls idle first, and ends the
one that was starting. With trials shorter than an actor's start (5-15 s) the second slot then never
comes up. So the first Tune trials only load base and data, and none of them ends before all have
begun; a base or data that cannot be loaded is found here, once, and not by every trial.
"""

import time
from collections.abc import Callable

PREFIX = "warm"
# A slot that has not come up so long after the first one is done without.
PATIENCE_S = 90.0


class WarmUp:
    """Counts the slots that are warm; ``is_over`` once all are, or patience is.

    Slots that come later are warmed in another round. Trials that run meanwhile hold their workers
    as well as a warm-up would, so only what they leave free is warmed.

    Args:
        slots: How many trials fit.
        busy: How many trials run that are no warm-ups.
        clock: Seconds.
    """

    def __init__(
        self,
        slots: int,
        *,
        busy: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots, self._busy, self._clock = slots, busy, clock
        self._made = 0
        self._running: set[str] = set()
        self._warm: set[str] = set()
        self._since: float | None = None
        self._is_over = False
        self.losses = 0

    @property
    def is_over(self) -> bool:
        """Whether trials may begin."""
        enough = len(self._warm) + self._busy() >= self._slots
        late = self._since is not None and self._clock() - self._since > PATIENCE_S
        self._is_over = self._is_over or enough or late
        return self._is_over

    def follow(self, slots: int) -> None:
        """Take that so many trials fit now; new slots are cold."""
        if slots > self._slots:
            self._is_over, self._since = False, None
        self._slots = slots

    def next(self) -> str | None:
        """Return the next warm-up to start, if any is missing."""
        if self.is_over or len(self._running) + self._busy() >= self._slots:
            return None
        self._made += 1
        attempt = f"{PREFIX}{self._made}"
        self._running.add(attempt)
        return attempt

    def on_report(self, attempt: str) -> bool:
        """Take that a worker is warm; return whether it may end its warm-up."""
        self._warm.add(attempt)
        if self._since is None:
            self._since = self._clock()
        return self.is_over

    def on_end(self, attempt: str, *, lost: bool) -> None:
        """Take that a warm-up ended, or its worker died; then another will be started."""
        self._running.discard(attempt)
        self._warm.discard(attempt)
        self.losses += lost


def is_warm_up(attempt: str) -> bool:
    """Whether a Tune trial only warms a worker.

    Example:
        >>> is_warm_up("warm1"), is_warm_up("t0001.1")
        (True, False)
    """
    return attempt.startswith(PREFIX)
