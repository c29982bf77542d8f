"""A finding: what one check found, how bad it is, and how to mend it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``mend`` says what to do unless the level is OK."""

    name: str
    level: Level
    found: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as plain data."""
        return {key: str(value) for key, value in asdict(self).items()}


def failed(findings: Sequence[Finding]) -> bool:
    """Return whether any finding would end a sweep."""
    return any(finding.level is Level.FAIL for finding in findings)


def finding_text(finding: Finding) -> str:
    """Return a finding as one line, and a second one that says how to mend it.

    Example:
        >>> print(finding_text(Finding("disk", Level.WARN, "2 GB free", "free some")))
        WARN  disk            2 GB free
                              mend: free some
    """
    line = f"{finding.level:4}  {finding.name:14}  {finding.found}"
    return f"{line}\n{'':22}mend: {finding.mend}" if finding.mend else line
