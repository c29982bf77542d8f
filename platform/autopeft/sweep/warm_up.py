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
    """Counts the slots that are warm; ``is_over`` once all are, or patience is."""

    def __init__(self, slots: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots, self._clock = slots, clock
        self._made = 0
        self._warm: set[str] = set()
        self._since: float | None = None
        self.losses = 0

    @property
    def is_over(self) -> bool:
        """Whether trials may begin."""
        if len(self._warm) >= self._slots:
            return True
        return self._since is not None and self._clock() - self._since > PATIENCE_S

    def next(self) -> str | None:
        """Return the next warm-up to start, if any is missing."""
        if self._made - self.losses >= self._slots or self.is_over:
            return None
        self._made += 1
        return f"{PREFIX}{self._made}"

    def on_report(self, attempt: str) -> bool:
        """Take that a worker is warm; return whether it may end its warm-up."""
        self._warm.add(attempt)
        if self._since is None:
            self._since = self._clock()
        return self.is_over

    def on_lost(self) -> None:
        """Take that a worker died while it warmed up; another will be started."""
        self.losses += 1


def is_warm_up(attempt: str) -> bool:
    """Whether a Tune trial only warms a worker.

    Example:
        >>> is_warm_up("warm1"), is_warm_up("t0001.1")
        (True, False)
    """
    return attempt.startswith(PREFIX)
