"""What can be searched without training: a space, and a curve of losses for every point."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from autopeft.spec.space import Axis, Cube


@dataclass(frozen=True, slots=True)
class Curve:
    """What a trial at a point would report.

    Attributes:
        losses: Per report; minimised, NaN where the trial diverges.
        seconds: Time between a report and the one before it.
        truth: What the last report is judged by afterwards, such as the mean over seeds or the
            test loss; the searcher never sees it.
    """

    losses: Sequence[float]
    seconds: Sequence[float]
    truth: float


class Problem(Protocol):
    """A space with a curve at every point."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What is searched."""
        ...

    @property
    def steps(self) -> Sequence[int]:
        """After how many steps trials report."""
        ...

    def curve(self, cube: Cube) -> Curve:
        """Return what a trial at ``cube`` reports."""
        ...
