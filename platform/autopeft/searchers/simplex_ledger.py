"""Which points a simplex has given out, and what came of them: the books of its walk."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from autopeft.searchers.base import number_as_json
from autopeft.searchers.simplex import Evaluated, Point
from autopeft.searchers.simplex_ground import Ground

Role: TypeAlias = str
MODEL = "model"
NO_ROLE = ""
LEAST_OUT = 4


@dataclass(slots=True)
class Out:
    """A point that was given out, and what it was for.

    Attributes:
        point: The simplex's coordinates, not moved to the middle of levels.
        generation: Of the stand that asked for it.
        role: What it was to that stand.
        told: How many results there were before it.
    """

    point: Point
    generation: int
    role: Role
    told: int


class Ledger:
    """Points out and results in; a loss is only ever written beside the point it was told for.

    Attributes:
        results: All of them, in the order they came.
        losses: By place, the last loss there.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.results: list[Evaluated] = []
        self.losses: dict[Point, float] = {}
        self._last: dict[Point, int] = {}  # by place, where among the results
        self._out: dict[int, Out] = {}
        self._given = self._models = self._told = 0

    @property
    def is_waiting(self) -> bool:
        """Whether results are still to come."""
        return bool(self._out)

    @property
    def is_full(self) -> bool:
        """Whether every point there is has been given out."""
        count = self._ground.count
        if count > len(self.losses) + len(self._out):
            return False
        return len(self.losses.keys() | self.places_out()) >= count

    @property
    def owes_models(self) -> bool:
        """Whether fewer of the points given were the model's than may be."""
        return self._models < self._ground.ways.model_share * self._given

    def give(self, number: int, point: Point, *, generation: int, role: Role) -> None:
        """Write down that ``point`` is out on the walk's own account."""
        self._given += 1
        self._models += role.startswith(MODEL)
        self.hold(number, point, generation=generation, role=role)

    def hold(self, number: int, point: Point, *, generation: int, role: Role = NO_ROLE) -> None:
        """Write down that ``point`` is out, whoever evaluates it."""
        self._out[number] = Out(point, generation, role, self._told)

    def take(self, number: int) -> Out:
        """Strike point ``number`` off those that are out, and return it."""
        return self._out.pop(number)

    def note(self, point: Point, loss: float) -> None:
        """Write down a result."""
        self._told += 1
        place = self._ground.place(point)
        self._last[place] = len(self.results)
        self.results.append((point, loss))
        self.losses[place] = loss

    def revise(self, point: Point, loss: float) -> Point:
        """Write another loss over the last result there; return the point as it was given out."""
        place = self._ground.place(point)
        given, _ = self.results[self._last[place]]
        self.results[self._last[place]] = (given, loss)
        self.losses[place] = loss
        return given

    def places_out(self) -> set[Point]:
        """Return the places where results are to come from."""
        return {self._ground.place(out.point) for out in self._out.values()}

    def places_overdue(self) -> set[Point]:
        """Return those of them that are waited for no longer."""
        ways = self._ground.ways
        if not ways.parallel or not self._out:
            return set()
        limit = self._told - ways.patience * max(len(self._out), LEAST_OUT)
        return {self._ground.place(out.point) for out in self._out.values() if out.told < limit}

    def state(self) -> dict[str, Any]:
        """Return everything, as JSON."""
        return {
            "results": plain_pairs(self.results),
            "out": [
                [n, list(out.point), out.generation, out.role, out.told]
                for n, out in self._out.items()
            ],
            "counts": [self._given, self._models, self._told],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Hold what ``state`` held."""
        self.results = pairs(state["results"])
        self._out = {n: Out(tuple(point), *rest) for n, point, *rest in state["out"]}
        self._given, self._models, self._told = state["counts"]
        places = [self._ground.place(point) for point, _ in self.results]
        self._last = {place: index for index, place in enumerate(places)}
        self.losses = {place: self.results[index][1] for place, index in self._last.items()}


def usable(loss: float) -> float:
    """Return the loss; infinite for what is none.

    Example:
        >>> usable(math.nan), usable(-math.inf), usable(0.5)
        (inf, inf, 0.5)
    """
    return loss if loss > -math.inf else math.inf  # also NaN: no comparison holds for it


def plain_pairs(evaluated: Sequence[Evaluated]) -> list[list[Any]]:
    """Return points and losses as JSON."""
    return [[list(point), number_as_json(loss)] for point, loss in evaluated]


def pairs(data: Sequence[Sequence[Any]]) -> list[Evaluated]:
    """Return what ``plain_pairs`` made ``data`` from."""
    return [(tuple(point), float(loss)) for point, loss in data]
