"""A part of the space searched first; it grows where the best result lies at its edge.

The searcher inside sees its own unit cube, which is the box. When the box grows, a fresh one takes
its place and learns all results so far, as points that it did not propose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from autopeft.core.seeds import derive_seed
from autopeft.searchers.base import (
    Done,
    Failed,
    Interim,
    Learner,
    Outcome,
    Proposal,
    Setting,
    Spot,
    Value,
    Wait,
    make_searcher,
    outcome_as_json,
    replay,
    spot,
)
from autopeft.spec.record import Record
from autopeft.spec.space import Axis, Cube, level_of, middle_of

# At the edge is what lies within this part of the box's width from it; a box that grows, grows by
# half its width on that side, and not again before so many results came.
AT_EDGE = 0.1
GROWTH = 0.5
RESULTS_BETWEEN = 5
LEAST_WIDTH = 0.01
ELSEWHERE = -1  # the generation of points that came by adopt


@dataclass(frozen=True, slots=True)
class Side:
    """The part of one axis that is searched: positions, or whole levels."""

    axis: Axis
    low: float
    high: float

    @property
    def first_level(self) -> int:
        """The lowest level inside."""
        return level_of(self.low, self.axis.levels or 1)

    @property
    def levels(self) -> int | None:
        """How many levels lie inside; ``None`` for a continuous axis."""
        if self.axis.levels is None:
            return None
        # The upper end of a level's interval belongs to that level.
        last = level_of(max(self.high - 1e-9, self.low), self.axis.levels)
        return last - self.first_level + 1

    def inward(self, position: float) -> float:
        """Return where a position of the whole axis lies within the side, at its edge at most."""
        if self.levels is None:
            inside = (position - self.low) / (self.high - self.low)
            return min(max(inside, 0.0), 1.0)
        level = level_of(position, self.axis.levels or 1) - self.first_level
        return middle_of(min(max(level, 0), self.levels - 1), self.levels)

    def outward(self, position: float) -> float:
        """Return where a position within the side lies on the whole axis."""
        if self.levels is None:
            if (self.low, self.high) == (0.0, 1.0):
                return position
            return min(max(self.low * (1 - position) + self.high * position, 0.0), 1.0)
        level = self.first_level + level_of(position, self.levels)
        return middle_of(level, self.axis.levels or 1)

    def holding(self, position: float) -> "Side":
        """Return the side, made as wide as it takes to hold a position."""
        return replace(self, low=min(self.low, position), high=max(self.high, position))

    def grown(self, position: float) -> "Side":
        """Return the side, wider where ``position`` lies at an edge that is not the axis's."""
        width = self.high - self.low
        step = 1.0 if self.axis.levels is None else 1 / self.axis.levels
        reach = AT_EDGE * width if self.axis.levels is None else step
        by = max(GROWTH * width, 0.0 if self.axis.levels is None else step)
        low, high = self.low, self.high
        if position - self.low <= reach:
            low = max(self.low - by, 0.0)
        if self.high - position <= reach:
            high = min(self.high + by, 1.0)
        return replace(self, low=low, high=high)


class Narrowed:
    """See the module's text.

    A choice without an order is never narrowed. The best result is that of the first objective,
    among those that ran to the end and break no constraint. First points outside make the box as
    wide as they need.
    """

    def __init__(self, options: Record, setting: Setting) -> None:
        self._options, self._setting = options, setting
        self._sides = {axis.name: _side(axis, setting) for axis in setting.axes}
        self._generation, self._since = 0, 0
        self._best: tuple[float, Cube] | None = None
        self._results: list[tuple[Cube, Outcome]] = []
        self._paused: dict[Spot, int] = {}  # where among the results
        self._out: dict[int, tuple[Cube, int, int]] = {}
        self._asked = setting.begin
        self._calls: list[list[Any]] = []
        self._inner = self._fresh()

    @property
    def box(self) -> Mapping[str, tuple[float, float]]:
        """What is searched now, by axis."""
        return {name: (side.low, side.high) for name, side in self._sides.items()}

    def ask(self) -> Proposal | Wait | Done:
        """Return the next point inside the box."""
        found = self._inner.ask()
        if not isinstance(found, Proposal):
            return found
        cube = {name: self._sides[name].outward(x) for name, x in found.cube.items()}
        number = self._asked
        self._asked += 1
        self._out[number] = (cube, self._generation, found.number)
        self._calls.append(["ask"])
        return Proposal(number, cube)

    def tell(self, number: int, outcome: Outcome) -> None:
        """Take an outcome; let the box grow if the best lies at its edge."""
        given = self._out.pop(number, None)
        if given is None:
            return
        self._calls.append(["tell", number, outcome_as_json(outcome)])
        if isinstance(outcome, Interim):
            self._out[number] = given
        cube, generation, inner_number = given
        is_new = self._keep(cube, outcome)
        if generation == self._generation:
            self._inner.tell(inner_number, outcome)
        elif self._holds(cube):
            self._inner.add(self._inward(cube), outcome)
        self._count(cube, outcome, is_new=is_new)

    def add(self, cube: Cube, outcome: Outcome) -> None:
        """Take the outcome of a point that somebody else proposed, inside the box or not."""
        self._calls.append(["add", dict(cube), outcome_as_json(outcome)])
        is_new = self._keep(cube, outcome)
        if self._holds(cube):
            self._inner.add(self._inward(cube), outcome)
        self._count(cube, outcome, is_new=is_new)

    def adopt(self, number: int, cube: Cube) -> None:
        """Take a point of elsewhere: the searcher inside learns of it once it has a result."""
        self._calls.append(["adopt", number, dict(cube)])
        _, generation, inner_number = self._out.pop(number, ({}, ELSEWHERE, 0))
        if generation == self._generation:
            self._inner.tell(inner_number, Failed("not evaluated"))
        self._out[number] = (cube, ELSEWHERE, 0)
        self._asked = max(self._asked, number + 1)

    def state(self) -> dict[str, Any]:
        """Return the calls made so far; everything follows from them."""
        return {"calls": list(self._calls)}

    def load(self, state: dict[str, Any]) -> None:
        """Make the same calls again."""
        replay(self, state["calls"])

    def _fresh(self) -> Learner:
        """Return a searcher of the box as it is now, which knows every result so far."""
        seed = self._setting.seed
        # What was not asked for yet outlives the box that it was to begin in.
        first = self._setting.first[self._asked - self._setting.begin :]
        inside = replace(
            self._setting,
            # Whole numbers on a logarithmic scale are a continuum here: the box cuts through them.
            axes=tuple(
                replace(side.axis, levels=side.levels, whole=None) for side in self._sides.values()
            ),
            seed=derive_seed(seed, "box", self._generation) if self._generation else seed,
            first=tuple(map(self._inward, first)),
            box={},
            prior=None,
        )
        # An own seed of the options was put into the setting already: it would undo ours.
        options = self._options.model_copy(update={"seed": None})
        searcher: Learner = make_searcher(options, inside)  # type: ignore[assignment]
        for cube, outcome in self._results:
            if self._holds(cube):
                searcher.add(self._inward(cube), outcome)
        return searcher

    def _holds(self, cube: Cube) -> bool:
        """Whether a point lies in the box: at its edge it would be another one."""
        return all(self._sides[name].low <= x <= self._sides[name].high for name, x in cube.items())

    def _inward(self, cube: Cube) -> dict[str, float]:
        return {name: self._sides[name].inward(x) for name, x in cube.items()}

    def _keep(self, cube: Cube, outcome: Outcome) -> bool:
        """Keep a result, in the place of the interim one of its trial; whether there was none."""
        at = self._paused.pop(spot(cube), len(self._results))
        is_new = at == len(self._results)
        self._results[at : at + 1] = [(cube, outcome)]
        if isinstance(outcome, Interim):
            self._paused[spot(cube)] = at
        return is_new

    def _count(self, cube: Cube, outcome: Outcome, *, is_new: bool) -> None:
        """Let the box grow, in its time, if the best lies at its edge."""
        self._note(cube, outcome)
        self._since += is_new
        if self._since >= RESULTS_BETWEEN:
            self._grow()

    def _note(self, cube: Cube, outcome: Outcome) -> None:
        if not isinstance(outcome, Value) or any(v > 0 for v in outcome.violations):
            return
        value = outcome.values[0]
        loss = -value if self._setting.directions[0] == "max" else value
        if loss == loss and (self._best is None or loss < self._best[0]):
            self._best = (loss, cube)

    def _grow(self) -> None:
        if self._best is None:
            return
        grown = {
            name: side.grown(self._best[1][name]) if name in self._best[1] else side
            for name, side in self._sides.items()
        }
        if grown != self._sides:
            self._sides, self._since = grown, 0
            self._generation += 1
            self._inner = self._fresh()


def _side(axis: Axis, setting: Setting) -> Side:
    """Return the part of an axis to begin with; what other axes depend on is searched whole."""
    is_parent = any(other.when and other.when[0] == axis.name for other in setting.axes)
    if not axis.ordered or is_parent:
        return Side(axis, 0.0, 1.0)
    low, high = setting.box.get(axis.name, (0.0, 1.0))
    side = Side(axis, low, high)
    for cube in setting.first:
        side = side.holding(cube[axis.name]) if axis.name in cube else side
    lacking = max(LEAST_WIDTH - (side.high - side.low), 0.0)
    return replace(side, low=max(side.low - lacking, 0.0), high=min(side.high + lacking, 1.0))
