"""How long a job may run, as people and schedulers write it."""

import re
from typing import Any

from autopeft.spec.record import NoNumber

RIGHT = "h:mm:ss, such as 1:30:00, or 90m, 2h, 1d12h would be right"
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
CLOCK = re.compile(
    r"(?:(?P<days>\d{1,4})-)?(?P<hours>\d{1,4}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)"
)
SPANS = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
HOUR = 3600
SHORTEST_S = 60


def parse_walltime(value: Any) -> int:
    """Return a walltime in seconds.

    YAML itself reads an unquoted ``1:30:00`` as 5400, so a whole number of an hour or more is
    taken as seconds. A smaller one is refused: ``1:30`` is 90 to YAML, and 90 are minutes to Slurm.

    Raises:
        ValueError: It is no walltime; says how to write one.

    Example:
        >>> parse_walltime("0:10:00"), parse_walltime("90m"), parse_walltime("1-12:00:00")
        (600, 5400, 129600)
        >>> parse_walltime("1:30")
        Traceback (most recent call last):
        ...
        ValueError: found '1:30', h:mm:ss, such as 1:30:00, or 90m, 2h, 1d12h would be right
    """
    if isinstance(value, NoNumber):  # text, which a record hides from a field of numbers
        value = value.value
    if isinstance(value, int) and not isinstance(value, bool) and value >= HOUR:
        return value
    seconds = _seconds(value.strip().lower()) if isinstance(value, str) else None
    if seconds is None:
        raise ValueError(f"found {value!r}, {RIGHT}")
    if seconds < SHORTEST_S:
        raise ValueError(f"found {value!r}, at least a minute would be right")
    return seconds


def _seconds(text: str) -> int | None:
    """Return what a clock or a sum of spans comes to."""
    if clock := CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if text and (spans := SPANS.fullmatch(text)):
        pairs = zip(spans.groups(), UNITS.values(), strict=True)
        return sum(int(number) * unit for number, unit in pairs if number)
    return None


def clock_text(seconds: int) -> str:
    """Return seconds as ``h:mm:ss``, which every scheduler reads.

    Example:
        >>> clock_text(129600), clock_text(600)
        ('36:00:00', '0:10:00')
    """
    hours, rest = divmod(seconds, HOUR)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
