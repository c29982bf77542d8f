"""What a benchmark hands back: a table to show, and whether its targets are met. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """What was hoped for, and what came."""

    claim: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the value keeps its bounds."""
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)

    @property
    def sentence(self) -> str:
        """The claim with its figure and its bound."""
        bound = f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"
        return f"{self.claim}: {self.value:.2f} (wanted {bound}, {self.verdict})"

    @property
    def verdict(self) -> str:
        """One word."""
        return "met" if self.is_met else "MISSED"


@dataclass(frozen=True, slots=True)
class Table:
    """One benchmark's outcome.

    Attributes:
        name: What its markers on the page are called.
        title: What was measured, in a few words.
        columns: Headings.
        rows: Cells, as text.
        targets: What was hoped for.
        notes: What a reader must know beside the figures of this very run.
        raw: Every round's figures, for programs.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target] = ()
    notes: Sequence[str] = ()
    raw: dict[str, Any] = field(default_factory=dict)

    def markdown(self) -> str:
        """Return the table, its targets and its notes for the page."""
        lines = [
            _row(self.columns),
            _row(["---"] * len(self.columns)),
            *map(_row, self.rows),
            "",
            *(f"- {target.sentence}" for target in self.targets),
            *(f"- {note}" for note in self.notes),
        ]
        return "\n".join(lines) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, with each target's verdict."""
        targets = [{**asdict(target), "met": target.is_met} for target in self.targets]
        return {**asdict(self), "targets": targets}


def spread(values: Sequence[float], unit: str, *, digits: int = 1) -> str:
    """Return the median of several rounds, with the lowest and the highest.

    Example:
        >>> spread([3.0, 1.0, 2.0], "s"), spread([1.0], "s")
        ('2.0 s (1.0–3.0)', '1.0 s')
    """
    middle = f"{median(values):.{digits}f} {unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Return what each round says by itself: its neighbours ran on the machine as it was then."""
    return [top / bottom for top, bottom in zip(over, under, strict=False)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
