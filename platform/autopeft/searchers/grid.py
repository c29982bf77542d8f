"""Every combination once: the grid of a space with branches, in an order drawn from the seed."""

import math
import random
from collections.abc import Mapping
from functools import cache
from typing import Any

from autopeft.searchers.base import Done, Outcome, Proposal, Setting, Wait
from autopeft.spec.searcher import GridSearcher
from autopeft.spec.space import Axis, completed, middle_of

Taken = tuple[tuple[str, int], ...]


class Grid:
    """Gives the user's first points, completed from the middle, then every combination once.

    The grid is never held in memory: the k-th combination is counted out from k, and the order is
    a walk round the grid whose stride has no divisor in common with its size.
    """

    def __init__(self, options: GridSearcher, setting: Setting) -> None:
        self._axes, self._points = setting.axes, options.points
        self._first = setting.first
        self._size = cache(self._combinations)
        size = self._size(0, ())
        dice = random.Random(setting.seed)
        self._offset = dice.randrange(size)
        self._stride = next(s for s in iter(lambda: dice.randrange(1, size + 1), 0)
                            if math.gcd(s, size) == 1)  # fmt: skip
        self._asked = 0

    def ask(self) -> Proposal | Wait | Done:
        """Return the next combination, or that all have been given."""
        number, size = self._asked, self._size(0, ())
        at = number - len(self._first)
        if at >= size:
            return Done(f"all {size} points of the grid are done")
        self._asked += 1
        if at < 0:
            return Proposal(number, self._completed(self._first[number]))
        return Proposal(number, self._point((self._offset + at * self._stride) % size))

    def tell(self, number: int, outcome: Outcome) -> None:
        """Nothing to learn."""

    def state(self) -> dict[str, Any]:
        """Return how many points were given."""
        return {"asked": self._asked}

    def load(self, state: dict[str, Any]) -> None:
        """Go on after as many points."""
        self._asked = state["asked"]

    def _positions(self, axis: Axis) -> list[float]:
        if axis.levels is not None:
            return [middle_of(level, axis.levels) for level in range(axis.levels)]
        return [index / (self._points - 1) for index in range(self._points)]

    def _combinations(self, index: int, taken: Taken) -> int:
        """Return how many combinations the axes from ``index`` on have after these choices."""
        if index == len(self._axes):
            return 1
        axis = self._axes[index]
        if axis.when is not None and axis.when not in taken:
            return self._size(index + 1, taken)
        if not any(other.when and other.when[0] == axis.name for other in self._axes):
            return len(self._positions(axis)) * self._size(index + 1, taken)
        levels = range(axis.levels or 1)
        return sum(self._size(index + 1, (*taken, (axis.name, level))) for level in levels)

    def _point(self, rank: int) -> dict[str, float]:
        """Return combination ``rank``."""
        cube: dict[str, float] = {}
        taken: Taken = ()
        for index, axis in enumerate(self._axes):
            if axis.when is not None and axis.when not in taken:
                continue
            is_parent = any(other.when and other.when[0] == axis.name for other in self._axes)
            for level, position in enumerate(self._positions(axis)):
                now = (*taken, (axis.name, level)) if is_parent else taken
                below = self._size(index + 1, now)
                if rank < below:
                    cube[axis.name], taken = position, now
                    break
                rank -= below
        return cube

    def _completed(self, given: Mapping[str, float]) -> dict[str, float]:
        middle = {axis.name: 0.5 if axis.levels is None else
                  middle_of(axis.levels // 2, axis.levels) for axis in self._axes}  # fmt: skip
        return completed(self._axes, given, middle)
