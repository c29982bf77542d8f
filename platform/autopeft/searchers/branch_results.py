"""What is known of each branch: losses where its points lie, and how good its best is."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from autopeft.searchers.base import (
    INFEASIBLE,
    Failed,
    Interim,
    Outcome,
    Pruned,
    Spot,
    number_as_json,
    spot,
)
from autopeft.searchers.branches import Branch
from autopeft.searchers.simplex import Evaluated, Point
from autopeft.searchers.simplex_ledger import pairs, plain_pairs
from autopeft.spec.search import Direction
from autopeft.spec.space import Cube

Whose: TypeAlias = int | Spot


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the result of a paused trial lies among its branch's, and what it had taken."""

    at: int
    seconds: float | None


class BranchResults:
    """Losses to be minimised, whatever the direction; a failure is the worst of all values.

    A value that a trial had when it was stopped early counts, but never as better than the best of
    its branch that ran to the end: trials are not beaten by promises. So does one of a paused
    trial, until it has another. Constraints are kept by Deb's rule.
    """

    def __init__(self, direction: Direction) -> None:
        self._sign = -1.0 if direction == "max" else 1.0
        self._found: dict[Branch, list[Evaluated]] = {}
        self._best_whole: dict[Branch, float] = {}
        self._paused: dict[Whose, Kept] = {}

    def __len__(self) -> int:
        return sum(map(len, self._found.values()))

    def __iter__(self) -> Iterator[Branch]:
        return iter(self._found)

    def of(self, branch: Branch) -> list[Evaluated]:
        """Return the points and losses of a branch, in the order they came."""
        return self._found.get(branch, [])

    def losses(self) -> list[float]:
        """Return all losses, the best first."""
        return sorted(loss for found in self._found.values() for _, loss in found)

    def take(
        self, branch: Branch, cube: Cube, point: Point, outcome: Outcome, *, number: int | None
    ) -> tuple[float, Kept | None]:
        """Take what came of ``cube``, which is ``point`` in its branch.

        Args:
            branch: The branch.
            cube: The whole point.
            point: Where it lies on the branch's axes.
            outcome: What came of it.
            number: Of the proposal; ``None`` for somebody else's point, which is known by its
                place. Two proposals may well have one.

        Returns:
            Its loss, and the result that this one replaces: that of the paused trial.
        """
        loss = self._loss(outcome, branch)
        found = self._found.setdefault(branch, [])
        whose = spot(cube) if number is None else number
        before = self._paused.pop(whose, None)
        at = len(found) if before is None else before.at
        found[at : at + 1] = [(point, loss)]
        if isinstance(outcome, Interim):
            self._paused[whose] = Kept(at, outcome.seconds)
        return loss, before

    def settle(self, number: int) -> None:
        """Let the result of a paused proposal stand: nothing more will come of that point."""
        self._paused.pop(number, None)

    def _loss(self, outcome: Outcome, branch: Branch) -> float:
        if isinstance(outcome, Failed) or not math.isfinite(outcome.values[0]):
            return math.inf
        broken = sum(max(violation, 0.0) for violation in outcome.violations)
        if not broken <= 0:  # also NaN
            return INFEASIBLE * (1 + broken) if broken > 0 else math.inf
        loss, best = self._sign * outcome.values[0], self._best_whole.get(branch, math.inf)
        if isinstance(outcome, Pruned):
            return loss if best == math.inf else max(loss, best)
        self._best_whole[branch] = min(loss, best)
        return loss

    def state(self) -> dict[str, Any]:
        """Return everything, as JSON."""
        return {
            "found": [[list(branch), plain_pairs(found)] for branch, found in self._found.items()],
            "best": [[list(b), number_as_json(loss)] for b, loss in self._best_whole.items()],
            "paused": [
                [whose if isinstance(whose, int) else dict(whose), kept.at, kept.seconds]
                for whose, kept in self._paused.items()
            ],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Know what ``state`` knew."""
        self._found = {branch_from_json(branch): pairs(found) for branch, found in state["found"]}
        self._best_whole = {branch_from_json(b): float(loss) for b, loss in state["best"]}
        self._paused = {
            whose if isinstance(whose, int) else spot(whose): Kept(at, seconds)
            for whose, at, seconds in state["paused"]
        }


def branch_from_json(data: list[list[Any]]) -> Branch:
    """Return the branch that was written as JSON."""
    return tuple((str(name), int(level)) for name, level in data)
