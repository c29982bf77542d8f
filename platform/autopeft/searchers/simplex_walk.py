"""One simplex at work in a unit cube, for as many workers as ask: no names, no Ray, no Optuna.

``ask`` never waits for a single result: beside the point that the decision of Nelder and Mead needs
it gives the moves that may be needed next (speculation), moves of other vertices (Lee & Wiswall),
and minima of a quadratic through the results so far. Whatever comes back joins the simplex if it is
better than the worst vertex and leaves a simplex, so that no evaluation is lost and the best result
always stays a vertex.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from autopeft.searchers.base import INFEASIBLE
from autopeft.searchers.quadratic_model import coefficients_of, quadratic_step
from autopeft.searchers.simplex import (
    Accept,
    Coefficients,
    Move,
    Need,
    Point,
    Simplex,
    decide,
    inside,
    plain,
)
from autopeft.searchers.simplex_starts import completing, spanning
from autopeft.spec.space import snapped

Role: TypeAlias = str
MODEL = "model"
NO_ROLE = ""
MOST_RECALLS = 100
DIGITS = 9


@dataclass(frozen=True, slots=True)
class Ways:
    """How a simplex walks.

    Attributes:
        parallel: Whether points beyond the one that is needed are given and may join; without it
            this is the textbook's method, one point at a time.
        bounded: Whether points outside the cube are moved to its edge.
        coefficients: How far moves go.
        vertices: How many vertices move at once, the worst first; all but the best by default.
        model_share: Which part of the points may be minima of the quadratic model.
        models: How many such minima at most while the simplex stands.
        radius: How far the model may step, in units of the farthest fitted result's distance.
        size: How far from the best point the corners of a new simplex lie.
        restarts: Whether a converged simplex starts anew elsewhere.
        tolerance: Diameter at which a simplex has converged.
        flatness: Least volume (of ``Simplex.flatness``), to the power of D.
        patience: Results after which a missing one is no longer waited for, in units of the points
            that are out; only if ``parallel``.
    """

    parallel: bool = True
    bounded: bool = True
    coefficients: Coefficients = field(default_factory=Coefficients)
    vertices: int | None = None
    model_share: float = 0.4
    models: int = 3
    radius: float = 0.5
    size: float = 0.3
    restarts: bool = True
    tolerance: float = 1e-5
    flatness: float = 1e-2
    patience: int = 3


@dataclass(slots=True)
class Out:
    """A point that was given out, and what it was for.

    Attributes:
        point: The simplex's coordinates, not moved to the middle of levels.
        generation: Of the simplex that asked for it.
        role: What it was to that simplex.
        told: How many results there were before it.
    """

    point: Point
    generation: int
    role: Role
    told: int


class SimplexWalk:
    """Gives points, takes losses; the same calls in the same order give the same points.

    Args:
        levels: Per axis, how many levels there are; ``None`` for a continuous axis. Points given
            out lie in the middle of a level, the simplex keeps its own coordinates.
        ways: How it walks.
        seed: Of the restarts.
        start: The first points. The simplex stands on the best of them that span one; where they
            are too few or too flat, points beside the best are added.
        sizes: How far those lie from it, per axis.
    """

    def __init__(
        self,
        levels: Sequence[int | None],
        *,
        ways: Ways,
        seed: int,
        start: Sequence[Point],
        sizes: Sequence[float] | None = None,
    ) -> None:
        self.levels, self.ways, self._seed = tuple(levels), ways, seed
        self.sizes = tuple(sizes or (ways.size,) * len(self.levels))
        self.simplex: Simplex | None = None
        self.results: list[tuple[Point, float]] = []
        self.life = 0
        self.converged = False
        self._kept: list[tuple[Point, float]] = []
        self._generation = 0
        self._goals: dict[Role, Point] = {}
        self._known: dict[Role, float] = {}
        self._asked: set[Role] = set()
        self._out: dict[int, Out] = {}
        self._late: list[tuple[Point, float]] = []
        self._losses: dict[Point, float] = {}
        self._given = self._models = self._told = 0
        self._begin({f"start {i}": point for i, point in enumerate(start)})

    # Asking

    @property
    def is_over(self) -> bool:
        """Whether it has converged and does not start anew, or has given every point there is."""
        if self.converged and not self.ways.restarts:
            return True
        count = math.prod(math.inf if n is None else n for n in self.levels)
        if count > len(self._losses) + len(self._out):
            return False
        return len(self._losses.keys() | self._places_out()) >= count

    @property
    def is_waiting(self) -> bool:
        """Whether results are still to come."""
        return bool(self._out)

    def ask(self, number: int) -> Point | None:
        """Return the point of number ``number``, or ``None`` if the simplex needs nothing now."""
        # A point that was evaluated before is recalled, not paid again; on a few levels that
        # could go on for ever.
        for _ in range(MOST_RECALLS + len(self._losses)):
            if self.is_over:
                return None
            role, point = self._first_wanted()
            if point is None:
                if not self._join():
                    return None
                continue
            self._asked.add(role)
            place = self._place(point)
            if place in self._losses:
                self._take(point, self._losses[place], role)
                continue
            self._given += 1
            self._models += role.startswith(MODEL)
            self._out[number] = Out(point, self._generation, role, self._told)
            return self._snapped(point)
        return None

    def hold(self, number: int, point: Point) -> None:
        """Know that somebody else evaluates ``point``; its result will be told as ``number``."""
        self._out[number] = Out(point, self._generation, NO_ROLE, self._told)

    def forget(self, number: int) -> None:
        """Know that point ``number`` will not be evaluated."""
        out = self._out.pop(number)
        if out.generation == self._generation:
            self._asked.discard(out.role)

    def _first_wanted(self) -> tuple[Role, Point | None]:
        out = self._places_out()
        for role, point in self._agenda():
            if self._place(point) not in out:
                return role, point
        return NO_ROLE, None

    def _agenda(self) -> Iterator[tuple[Role, Point]]:
        """Yield what is worth evaluating, what is needed first; roles asked already left out."""
        models = iter(self._model_points())
        if self._has_stood and self._models < self.ways.model_share * self._given:
            yield from _first(models)
        for role, point in self._targets():
            if role not in self._asked:
                yield role, point
        yield from models

    def _targets(self) -> Iterator[tuple[Role, Point]]:
        """Yield the simplex's own points: goals of a start or a shrink, or moves."""
        if self._goals or self.simplex is None:
            yield from self._goals.items()
            return
        yield from self._waiting()
        if not self.ways.parallel:
            return
        for vertex in range(min(self.ways.vertices or len(self.levels), len(self.levels))):
            for move in Move:
                yield f"{vertex} {move}", self._moved(move, vertex)

    def _model_points(self) -> Iterator[tuple[Role, Point]]:
        """Yield minima of the quadratic model, each fitted to another neighbourhood."""
        d = len(self.levels)
        roles = [f"{MODEL} {k}" for k in range(self.ways.models)]
        if not (self.ways.parallel and d) or set(roles) <= self._asked:
            return
        fit = [(point, loss) for point, loss in self.results if loss < INFEASIBLE]
        if len(fit) < 2 * d + 1:
            return
        points, losses = (np.asarray(part) for part in zip(*fit, strict=True))
        for k, role in enumerate(roles):
            if role in self._asked:
                continue
            neighbours = coefficients_of(d) * 2**k + 1
            step = quadratic_step(points, losses, neighbours=neighbours, radius=self.ways.radius)
            if step is not None:
                yield role, plain(step.tolist())

    def _moved(self, move: Move, vertex: int) -> Point:
        assert self.simplex is not None
        point = self.simplex.moved(move, by=self.ways.coefficients, vertex=-1 - vertex)
        return inside(point) if self.ways.bounded else point

    def _snapped(self, point: Point) -> Point:
        """Return the point in the middle of its levels."""
        return tuple(snapped(x, n) for x, n in zip(point, self.levels, strict=True))

    def _places_out(self) -> set[Point]:
        return {self._place(out.point) for out in self._out.values()}

    def _place(self, point: Point) -> Point:
        """Return what is equal for points that are evaluated once: all within ``DIGITS``.

        The textbook's method takes every difference for one.
        """
        snapped = self._snapped(point)
        return tuple(round(x, DIGITS) for x in snapped) if self.ways.parallel else snapped

    # Telling

    def tell(self, number: int, loss: float) -> None:
        """Take the loss of a point given out; infinite or NaN if there is none."""
        out = self._out.pop(number)
        role = out.role if out.generation == self._generation else NO_ROLE
        self._note(out.point, loss, role)

    def add(self, point: Point, loss: float) -> None:
        """Take a result of somebody else's point; it may join the simplex."""
        self._note(point, loss, NO_ROLE)

    def _note(self, point: Point, loss: float, role: Role) -> None:
        loss = loss if loss > -math.inf else math.inf  # also NaN: no comparison holds for it
        self._told += 1
        self.results.append((point, loss))
        self._losses[self._place(point)] = loss
        self._take(point, loss, role)

    def _take(self, point: Point, loss: float, role: Role) -> None:
        if role and not role.startswith(MODEL):
            self._known[role] = loss
        if self.ways.parallel:
            self._late.append((point, loss))
        self._settle()

    def _settle(self) -> None:
        """Let the simplex move on as far as what is known allows."""
        while self._settle_once():
            pass

    def _settle_once(self) -> bool:
        self._give_up_on_the_overdue()
        if self._goals:
            if not self._goals.keys() <= self._known.keys():
                return False
            reached = [(point, self._known[role]) for role, point in self._goals.items()]
            self._stand_on([*self._kept, *reached])
            return True
        if self.simplex is None or not self.levels:
            return False
        verdict = decide(self.simplex, self._moves_known())
        if isinstance(verdict, Need):
            best = min((loss for _, loss in self._late), default=math.inf)
            return best < self.simplex.losses[0] and self._join()
        if isinstance(verdict, Accept):
            point = self._moved(verdict.move, 0)
            self._stand(self.simplex.replaced(-1, point, self._known[f"0 {verdict.move}"]))
            return True
        if self._join():
            return True
        shrunken = self.simplex.shrunken(by=self.ways.coefficients)
        kept = self.simplex.evaluated[:1]
        self._begin({f"shrink {i}": point for i, point in enumerate(shrunken)}, kept=kept)
        return False

    def _stand_on(self, evaluated: list[tuple[Point, float]]) -> None:
        """Stand on these points, or first ask for those that a simplex lacks."""
        whole, count = Simplex.of(evaluated), len(self.levels) + 1
        if len(evaluated) > count or self._is_flat(whole):
            evaluated = spanning(evaluated)
        if len(evaluated) < count:
            self._begin_beside(evaluated)
        else:
            self._stand(Simplex.of(evaluated))

    def _stand(self, simplex: Simplex) -> None:
        """Make ``simplex`` the present one, joined by the late results; or start anew."""
        simplex = self._joined(simplex)
        self._begin({}, kept=[])
        self.simplex = simplex
        if self._is_at_its_end(simplex):
            self.converged = True
            if self.ways.restarts and self.levels:
                self._restart(simplex)

    def _join(self) -> bool:
        """Let late results into a standing simplex, without waiting for its decision."""
        if self._goals or self.simplex is None or not self._late:
            return False
        joined = self._joined(self.simplex)
        if joined is self.simplex:
            return False
        self._stand(joined)
        return True

    def _joined(self, simplex: Simplex) -> Simplex:
        """Return the simplex with every late result that is better than its worst vertex."""
        late, self._late = sorted(self._late, key=lambda pair: pair[1]), []
        for point, loss in late:
            if point in simplex.vertices:
                at = simplex.vertices.index(point)
                if loss < simplex.losses[at]:  # it was overdue, and given up
                    simplex = simplex.replaced(at, point, loss)
                continue
            if loss >= simplex.losses[-1]:
                continue
            others = [simplex.replaced(-1, point, loss)]
            if loss < simplex.losses[0]:  # the best result must not be dropped
                others += [simplex.replaced(i, point, loss) for i in range(len(simplex.losses) - 1)]
            else:
                others.append(simplex)
            simplex = next((other for other in others if not self._is_flat(other)), others[0])
        return simplex

    def _is_at_its_end(self, simplex: Simplex) -> bool:
        if simplex.losses[0] == math.inf or self._is_flat(simplex):
            return True
        places = Simplex(tuple(map(self._snapped, simplex.vertices)), simplex.losses)
        return places.diameter < self.ways.tolerance

    def _is_flat(self, simplex: Simplex) -> bool:
        """Whether it is; the textbook's method, without bounds, does not ask."""
        asks = self.ways.parallel or self.ways.bounded
        return (
            bool(self.levels) and asks and simplex.flatness < self.ways.flatness ** len(self.levels)
        )

    def _give_up_on_the_overdue(self) -> None:
        """Take results that are needed and do not come for failures; they may join later."""
        if not self.ways.parallel or not self._out:
            return
        limit = self._told - self.ways.patience * max(len(self._out), 4)
        overdue = {self._place(out.point) for out in self._out.values() if out.told < limit}
        if overdue:
            for role, point in self._waiting():
                if self._place(point) in overdue:
                    self._known.setdefault(role, math.inf)

    def _waiting(self) -> list[tuple[Role, Point]]:
        if self._goals:
            return list(self._goals.items())
        if self.simplex is None or not self.levels:
            return []
        needed = decide(self.simplex, self._moves_known())
        if not isinstance(needed, Need):
            return []
        return [(f"0 {needed.move}", self._moved(needed.move, 0))]

    def _moves_known(self) -> dict[Move, float]:
        """Return the losses of moves; infinite where the edge of the cube made the move useless."""
        known = {move: self._known[f"0 {move}"] for move in Move if f"0 {move}" in self._known}
        return {move: math.inf if self._is_stopped(move) else known[move] for move in known}

    def _is_stopped(self, move: Move) -> bool:
        """Whether the move ends at the edge of the cube and would make the simplex flat."""
        assert self.simplex is not None
        free = self.simplex.moved(move, by=self.ways.coefficients)
        if not self.ways.bounded or free == inside(free):
            return False
        return self._is_flat(self.simplex.replaced(-1, inside(free), 0.0))

    # State

    def state(self) -> dict[str, Any]:
        """Return everything, as JSON."""
        simplex = self.simplex
        return {
            "simplex": None if simplex is None else _plain_pairs(simplex.evaluated),
            "results": _plain_pairs(self.results),
            "late": _plain_pairs(self._late),
            "kept": _plain_pairs(self._kept),
            "life": self.life,
            "converged": self.converged,
            "generation": self._generation,
            "goals": {role: list(point) for role, point in self._goals.items()},
            "known": dict(self._known),
            "asked": sorted(self._asked),
            "out": [
                [n, list(out.point), out.generation, out.role, out.told]
                for n, out in self._out.items()
            ],
            "counts": [self._given, self._models, self._told],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Stand where ``state`` was taken."""
        simplex = state["simplex"]
        self.simplex = None if simplex is None else Simplex.of(_pairs(simplex))
        self.results, self._late = _pairs(state["results"]), _pairs(state["late"])
        self._kept = _pairs(state["kept"])
        self.life, self.converged = state["life"], state["converged"]
        self._generation = state["generation"]
        self._goals = {role: tuple(point) for role, point in state["goals"].items()}
        self._known, self._asked = dict(state["known"]), set(state["asked"])
        self._out = {n: Out(tuple(point), *rest) for n, point, *rest in state["out"]}
        self._given, self._models, self._told = state["counts"]
        self._losses = {self._place(point): loss for point, loss in self.results}

    # Beginnings

    @property
    def _has_stood(self) -> bool:
        return self.simplex is not None or self.life > 0

    def _begin(self, goals: dict[Role, Point], *, kept: Sequence[tuple[Point, float]] = ()) -> None:
        """Open a generation whose goals must be reached before the simplex stands on them."""
        self._generation += 1
        self._goals, self._kept = goals, list(kept)
        self._known, self._asked = {}, set()

    def _restart(self, ended: Simplex) -> None:
        """Start a new life: from a flat simplex a full one, else around the incumbent or elsewhere.

        Around the incumbent it is as big as the first; elsewhere it is random. The two take turns.
        The quadratic model goes on with all results, and what it finds joins the new simplex: on
        BBOB in three dimensions, to forget the old results doubled the gap that remained.
        """
        self.life += 1
        self.simplex = None
        worked = ended.losses[0] < math.inf
        if worked and self._is_flat(ended) and ended.diameter / 2 > self.ways.tolerance:
            self._begin_beside(ended.evaluated[:1], most=ended.diameter / 2)
        elif worked and self.life % 2:
            self._begin_beside([min(self.results, key=lambda pair: pair[1])])
        else:
            d = len(self.levels)
            start = np.random.default_rng([self._seed, self.life]).random((d + 1, d))
            self._begin({f"start {i}": plain(row) for i, row in enumerate(start)})

    def _begin_beside(self, kept: Sequence[tuple[Point, float]], *, most: float = math.inf) -> None:
        """Keep these and ask for the corners that are missing, at most so far from the first."""
        sizes = [
            min(size, most) if n is None else max(min(size, most), 1 / n)
            for size, n in zip(self.sizes, self.levels, strict=True)
        ]
        corners = completing([point for point, _ in kept], sizes=sizes)
        self._begin({f"corner {i}": point for i, point in enumerate(corners)}, kept=kept)


def _plain_pairs(pairs: Sequence[tuple[Point, float]]) -> list[list[Any]]:
    return [[list(point), loss] for point, loss in pairs]


def _pairs(data: Sequence[Sequence[Any]]) -> list[tuple[Point, float]]:
    return [(tuple(point), loss) for point, loss in data]


def _first(models: Iterator[tuple[Role, Point]]) -> Iterator[tuple[Role, Point]]:
    for model in models:
        yield model
        return
