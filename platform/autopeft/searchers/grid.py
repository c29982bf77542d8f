"""Every combination once: the grid of a space with branches, in an order drawn from the seed."""

import math
import random
from collections.abc import Mapping
from functools import cache
from typing import Any

from autopeft.searchers.base import (
    Done,
    Interim,
    Outcome,
    Proposal,
    Setting,
    Wait,
    is_same_point,
)
from autopeft.spec.searcher import GridSearcher
from autopeft.spec.space import Axis, Cube, completed, places_of, snapped

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
        self._asked, self._at = setting.begin, -len(setting.first)
        self._out: dict[int, int] = {}
        self._again: list[int] = []
        self._adopted: list[Cube] = []

    def ask(self) -> Proposal | Wait | Done:
        """Return the next combination that nobody has brought yet, or that there is none."""
        before = self._at, list(self._again)
        while (at := self._next_place()) < self._size(0, ()):
            cube = self._completed(self._first[at]) if at < 0 else self._combination(at)
            if not any(is_same_point(cube, other) for other in self._adopted):
                number = self._asked
                self._asked += 1
                self._out[number] = at
                return Proposal(number, cube)
        self._at, self._again = before  # to ask in vain changes nothing
        return Done(f"all {self._size(0, ())} points of the grid are done")

    def tell(self, number: int, outcome: Outcome) -> None:
        """Nothing to learn."""
        if not isinstance(outcome, Interim):
            self._out.pop(number, None)

    def adopt(self, number: int, cube: Cube) -> None:
        """Leave ``cube`` out later on; what was given for ``number`` is given again."""
        if number in self._out:
            self._again.append(self._out.pop(number))
        self._adopted.append(cube)
        self._asked = max(self._asked, number + 1)

    def state(self) -> dict[str, Any]:
        """Return how far the walk is, what is out, and what others brought."""
        return {
            "asked": self._asked,
            "at": self._at,
            "out": [[number, at] for number, at in self._out.items()],
            "again": list(self._again),
            "adopted": [dict(cube) for cube in self._adopted],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on there."""
        self._asked, self._at = state["asked"], state["at"]
        self._out = dict(state["out"])
        self._again, self._adopted = list(state["again"]), list(state["adopted"])

    def _next_place(self) -> int:
        """Return the next place in the order of points: below 0 the user's, then the walk's."""
        if self._again:
            return self._again.pop(0)
        if self._at < self._size(0, ()):
            self._at += 1
            return self._at - 1
        return self._at

    def _combination(self, at: int) -> dict[str, float]:
        """Return the ``at``-th combination of the walk round the grid."""
        return self._point((self._offset + at * self._stride) % self._size(0, ()))

    def _positions(self, axis: Axis) -> list[float]:
        if axis.grain is not None:
            return places_of(axis.grain)
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
        middle = {axis.name: snapped(0.5, axis.grain) for axis in self._axes}
        return completed(self._axes, given, middle)
