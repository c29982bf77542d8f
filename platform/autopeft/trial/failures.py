"""What went wrong in a configuration, named by what can be done about it."""

import torch

from autopeft.trial.training import NotFinite

OUT_OF_MEMORY = "out of memory"


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
