"""Waiting with a limit, and a sentence saying what was waited for."""

import time
from collections.abc import Callable


def until(
    what: str, holds: Callable[[], bool], *, within_s: float = 30.0, every_s: float = 0.2
) -> float:
    """Return the seconds it took until this holds.

    Raises:
        TimeoutError: It does not hold within the time.
    """
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > within_s:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(every_s)
    return time.monotonic() - started
