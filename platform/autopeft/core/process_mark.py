"""Which process it was: a number alone is given again, after a reboot or sooner."""

import os  # noqa: F401  (the example)
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process as another can recognise it later.

    Attributes:
        pid: Its number.
        started: Clock ticks from the start of the machine to its own; unlike a time of day, no
            setting of the clock moves it.
        boot: The id of that start of the machine.
        host: Where.

    Example:
        >>> mine = ProcessMark.of(os.getpid())
        >>> mine.is_alive, ProcessMark(mine.pid, mine.started - 1, mine.boot, mine.host).is_alive
        (True, False)
    """

    pid: int
    started: int
    boot: str
    host: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the mark of a process of this machine.

        Raises:
            OSError: There is none of this number.
        """
        return cls(pid, _started(pid), _boot(), platform.node())

    @classmethod
    def read(cls, value: Any) -> Self | None:
        """Return the mark that ``as_dict`` made, or ``None`` if it is none."""
        try:
            return cls(**value)
        except TypeError:
            return None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs, on this machine."""
        try:
            return self == ProcessMark.of(self.pid)
        except OSError:
            return False


def _started(pid: int) -> int:
    """Return field 22 of ``/proc/PID/stat``; the name before it may hold blanks and brackets."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    if fields[0] == "Z":
        raise ProcessLookupError(f"process {pid} is over")
    return int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
