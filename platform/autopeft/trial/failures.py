"""What went wrong in a configuration, named by what can be done about it."""

import errno
import os
from collections.abc import Iterator

import torch

from autopeft.trial.training import NotFinite

OUT_OF_MEMORY = "out of memory"
FULL = (errno.ENOSPC, errno.EDQUOT)


def reason_of(error: Exception) -> str:
    """Return a failure's name and, after the first colon, its details.

    Example:
        >>> reason_of(NotFinite("loss is nan at step 3")), reason_of(MemoryError())
        ('nan: loss is nan at step 3', 'out of memory: MemoryError')
    """
    text = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(error, NotFinite):
        return f"nan: {text}"
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return f"{OUT_OF_MEMORY}: {text}"
    return f"error: {type(error).__name__}: {text}"


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


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
