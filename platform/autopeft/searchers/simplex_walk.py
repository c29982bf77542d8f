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

Role: TypeAlias = str
MODEL = "model"
NO_ROLE = ""


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
        restarts: Whether a converged simplex starts anew elsewhere.
        tolerance: Diameter at which a simplex has converged.
        flatness: Least volume (of ``Simplex.flatness``), to the power of D.
        patience: Results after which a missing one is no longer waited for, in units of the points
            that are out.
    """

    parallel: bool = True
    bounded: bool = True
    coefficients: Coefficients = field(default_factory=Coefficients)
    vertices: int | None = None
    model_share: float = 0.4
    models: int = 3
    radius: float = 0.5
    restarts: bool = True
    tolerance: float = 1e-5
    flatness: float = 1e-2
    patience: int = 3


@dataclass(slots=True)
class Out:
    """A point that was given out, and what it was for."""

    point: Point
    generation: int
    role: Role


class SimplexWalk:
    """Gives points, takes losses; the same calls in the same order give the same points.

    Args:
        levels: Per axis, how many levels there are; ``None`` for a continuous axis. Points given
            out lie in the middle of a level, the simplex keeps its own coordinates.
        ways: How it walks.
        seed: Of the restarts.
        start: First vertices; D+1 of them, or fewer, which are completed.
    """

    def __init__(
        self, levels: Sequence[int | None], *, ways: Ways, seed: int, start: Sequence[Point]
    ) -> None:
        self.levels, self.ways, self._seed = tuple(levels), ways, seed
        self.simplex: Simplex | None = None
        self.results: list[tuple[Point, float]] = []
        self.life = 0
        self.converged = False
        self._generation = 0
        self._goals: dict[Role, Point] = {}
        self._known: dict[Role, float] = {}
        self._asked: set[Role] = set()
        self._out: dict[int, Out] = {}
        self._late: list[tuple[Point, float]] = []
        self._losses: dict[Point, float] = {}
        self._given = self._models = self._since = 0
        self._begin({f"start {i}": point for i, point in enumerate(start)})

    # Asking

    def ask(self, number: int) -> Point | None:
        """Return the point of number ``number``, or ``None`` if the simplex needs nothing now."""
        while True:
            for role, point in self._agenda():
                given = self._snapped(point)
                if given in self._losses:  # evaluated before: recalled, not paid again
                    self._asked.add(role)
                    self._take(point, self._losses[given], role)
                    break
                if any(out.point == given for out in self._out.values()):
                    continue
                self._asked.add(role)
                self._given += 1
                self._models += role.startswith(MODEL)
                self._out[number] = Out(point, self._generation, role)
                return given
            else:
                return None

    def _agenda(self) -> Iterator[tuple[Role, Point]]:
        """Yield what is worth evaluating, what is needed first; roles asked already left out."""
        models = iter(self._model_points())
        if self._models < self.ways.model_share * self._given:
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
        needed = decide(self.simplex, self._moves_known())
        if isinstance(needed, Need):
            yield f"0 {needed.move}", self._moved(needed.move, 0)
        if not self.ways.parallel:
            return
        for vertex in range(min(self.ways.vertices or len(self.levels), len(self.levels))):
            for move in Move:
                yield f"{vertex} {move}", self._moved(move, vertex)

    def _model_points(self) -> Iterator[tuple[Role, Point]]:
        """Yield minima of the quadratic model, each fitted to another neighbourhood."""
        d = len(self.levels)
        roles = [f"{MODEL} {k}" for k in range(self.ways.models)]
        if not self.ways.parallel or set(roles) <= self._asked:
            return
        finite = [(point, loss) for point, loss in self.results if math.isfinite(loss)]
        if len(finite) < 2 * d + 1:
            return
        points, losses = (np.asarray(part) for part in zip(*finite, strict=True))
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
        return tuple(
            x if n is None else (min(int(x * n), n - 1) + 0.5) / n
            for x, n in zip(point, self.levels, strict=True)
        )

    # Telling

    def tell(self, number: int, loss: float) -> None:
        """Take the loss of a point given out; infinite or NaN if there is none."""
        out = self._out.pop(number)
        self._since += 1
        loss = loss if loss > -math.inf else math.inf  # also NaN: no comparison holds for it
        self._note(out.point, loss)
        self._take(out.point, loss, out.role if out.generation == self._generation else NO_ROLE)

    def add(self, point: Point, loss: float) -> None:
        """Take a result of somebody else's point; it may join the simplex."""
        loss = loss if loss > -math.inf else math.inf
        self._since += 1
        self._note(point, loss)
        self._take(point, loss, NO_ROLE)

    def _note(self, point: Point, loss: float) -> None:
        self.results.append((point, loss))
        self._losses[self._snapped(point)] = loss

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
        if self._is_overdue():
            for role in self._waiting():
                self._known.setdefault(role, math.inf)
        if self._goals or self.simplex is None:
            if not self._goals.keys() <= self._known.keys():
                return False
            kept = self.simplex.evaluated[:1] if self.simplex else []
            reached = [(point, self._known[role]) for role, point in self._goals.items()]
            self._stand(Simplex.of([*kept, *reached]))
            return True
        verdict = decide(self.simplex, self._moves_known())
        if isinstance(verdict, Need):
            return False
        if isinstance(verdict, Accept):
            point = self._moved(verdict.move, 0)
            self._stand(self.simplex.replaced(-1, point, self._known[f"0 {verdict.move}"]))
            return True
        joined = self._joined(self.simplex)
        if joined is not self.simplex:
            self._stand(joined)
            return True
        shrunken = self.simplex.shrunken(by=self.ways.coefficients)
        self._begin({f"shrink {i}": point for i, point in enumerate(shrunken)}, keep=True)
        return False

    def _stand(self, simplex: Simplex) -> None:
        """Make ``simplex`` the present one, joined by the late results; or start anew."""
        simplex = self._joined(simplex)
        self._begin({}, keep=True)
        self.simplex = simplex
        if self._is_at_its_end(simplex):
            self.converged = True
            if self.ways.restarts:
                self._restart()

    def _joined(self, simplex: Simplex) -> Simplex:
        """Return the simplex with every late result that is better than its worst vertex."""
        late, self._late = sorted(self._late, key=lambda pair: pair[1]), []
        for point, loss in late:
            if loss >= simplex.losses[-1] or point in simplex.vertices:
                continue
            others = [simplex.replaced(-1, point, loss)]
            if loss < simplex.losses[0]:  # the best result must not be dropped
                others += [simplex.replaced(i, point, loss) for i in range(len(simplex.losses) - 1)]
            simplex = next((other for other in others if not self._is_flat(other)), simplex)
        return simplex

    def _is_at_its_end(self, simplex: Simplex) -> bool:
        if simplex.losses[0] == math.inf or simplex.diameter < self.ways.tolerance:
            return True
        if len({self._snapped(vertex) for vertex in simplex.vertices}) == 1:
            return True
        return self.ways.parallel and self._is_flat(simplex)

    def _is_flat(self, simplex: Simplex) -> bool:
        return simplex.flatness < self.ways.flatness ** len(self.levels)

    def _is_overdue(self) -> bool:
        out = len(self._out)
        return self.ways.parallel and self._since > self.ways.patience * max(out, 4)

    def _waiting(self) -> list[Role]:
        if self._goals or self.simplex is None:
            return list(self._goals)
        needed = decide(self.simplex, self._moves_known())
        return [f"0 {needed.move}"] if isinstance(needed, Need) else []

    def _moves_known(self) -> dict[Move, float]:
        return {move: self._known[f"0 {move}"] for move in Move if f"0 {move}" in self._known}

    # State

    def state(self) -> dict[str, Any]:
        """Return everything, as JSON."""
        simplex = self.simplex
        return {
            "simplex": None if simplex is None else _plain_pairs(simplex.evaluated),
            "results": _plain_pairs(self.results),
            "late": _plain_pairs(self._late),
            "life": self.life,
            "converged": self.converged,
            "generation": self._generation,
            "goals": {role: list(point) for role, point in self._goals.items()},
            "known": dict(self._known),
            "asked": sorted(self._asked),
            "out": [[n, list(o.point), o.generation, o.role] for n, o in self._out.items()],
            "counts": [self._given, self._models, self._since],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Stand where ``state`` was taken."""
        simplex = state["simplex"]
        self.simplex = None if simplex is None else Simplex.of(_pairs(simplex))
        self.results, self._late = _pairs(state["results"]), _pairs(state["late"])
        self.life, self.converged = state["life"], state["converged"]
        self._generation = state["generation"]
        self._goals = {role: tuple(point) for role, point in state["goals"].items()}
        self._known, self._asked = dict(state["known"]), set(state["asked"])
        self._out = {n: Out(tuple(point), at, role) for n, point, at, role in state["out"]}
        self._given, self._models, self._since = state["counts"]
        self._losses = {self._snapped(point): loss for point, loss in self.results}

    # Beginnings

    def _begin(self, goals: dict[Role, Point], *, keep: bool = False) -> None:
        """Open a generation whose goals must be reached before the simplex stands."""
        self._generation += 1
        self._goals, self._known, self._asked, self._since = goals, {}, set(), 0
        if not keep:
            self.simplex = None

    def _restart(self) -> None:
        """Start a new life elsewhere."""
        self.life += 1
        d = len(self.levels)
        rng = np.random.default_rng([self._seed, self.life])
        start = tuple(plain(row) for row in rng.random((d + 1, d)))
        self._begin({f"start {i}": point for i, point in enumerate(start)})


def _plain_pairs(pairs: Sequence[tuple[Point, float]]) -> list[list[Any]]:
    return [[list(point), loss] for point, loss in pairs]


def _pairs(data: Sequence[Sequence[Any]]) -> list[tuple[Point, float]]:
    return [(tuple(point), loss) for point, loss in data]


def _first(models: Iterator[tuple[Role, Point]]) -> Iterator[tuple[Role, Point]]:
    for model in models:
        yield model
        return
