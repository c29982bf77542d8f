"""What went wrong in a configuration, named by what can be done about it. Loads no torch."""

import errno
import os
import sys
import traceback
from collections.abc import Iterator

OUT_OF_MEMORY = "out of memory"
FULL = (errno.ENOSPC, errno.EDQUOT)


class NotFinite(Exception):
    """The loss is NaN or infinite: the configuration diverged."""


class WorkerDoubtful(Exception):
    """The worker is no longer as it was before its last trial, and should be replaced."""


class ObjectiveFailed(Exception):
    """A program or a function did not say how good its parameters are.

    Its text begins with a short name, up to the first colon, by which failures are counted.
    ``log`` is the end of what it printed.
    """

    def __init__(self, reason: str, *, log: str = "") -> None:
        super().__init__(reason)
        self.log = log


def reason_of(error: Exception) -> str:
    """Return a failure's name and, after the first colon, its details.

    Example:
        >>> reason_of(NotFinite("loss is nan at step 3")), reason_of(MemoryError())
        ('nan: loss is nan at step 3', 'out of memory: MemoryError')
    """
    text = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(error, ObjectiveFailed):
        return text
    if isinstance(error, NotFinite):
        return f"nan: {text}"
    if isinstance(error, MemoryError) or _is_of_torch(error, "OutOfMemoryError"):
        return f"{OUT_OF_MEMORY}: {text}"
    return f"error: {type(error).__name__}: {text}"


def log_of(error: Exception) -> str:
    """Return what is to be read about a failure: what a program printed, or a traceback."""
    if isinstance(error, ObjectiveFailed):
        return error.log
    return "".join(traceback.format_exception(error))


def disk_trouble(error: BaseException) -> str:
    """Return that the disk is full, if that is what lies behind an error, or nothing.

    No fault of a configuration. Libraries hide it: behind errors of their own, or, those written
    in Rust, in their text.

    Example:
        >>> disk_trouble(OSError(errno.ENOSPC, "no room")), disk_trouble(ValueError("odd"))
        ('No space left on device', '')
    """
    for cause in _chain(error):
        for number in FULL:
            told = isinstance(cause, OSError) and cause.errno == number
            if told or os.strerror(number) in str(cause):
                return os.strerror(number)
    return ""


def _is_of_torch(error: Exception, name: str) -> bool:
    """Whether an error is torch's of that name; torch is not loaded to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, getattr(torch, name))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
