"""Many problems in one message."""

from collections.abc import Sequence
from typing import Final

_SHOWN: Final = 20


def listed(problems: Sequence[str]) -> str:
    """Return the problems one per line; of a great many, the first and the number of the rest.

    Example:
        >>> listed([f"{i}.wav is empty" for i in range(22)]).splitlines()[-2:]
        ['19.wav is empty', '… and 2 more']
    """
    more = len(problems) - _SHOWN
    return "\n".join([*problems[:_SHOWN], *([f"… and {more} more"] if more > 0 else [])])
