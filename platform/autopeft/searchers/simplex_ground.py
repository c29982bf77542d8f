"""The cube that a simplex walks in: levels, edges, and what they make of a simplex.

Nothing here remembers anything: points and simplices come in, points and judgements go out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from autopeft.searchers.simplex import Coefficients, Evaluated, Move, Point, Simplex, inside
from autopeft.searchers.simplex_starts import completing
from autopeft.spec.space import Grain, count_of, least_step, snapped

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
        round_model: Whether it may be fitted to D+2 results already, with one curvature for all
            axes: for a simplex that begins small, near where the best is believed to be. On
            functions whose optima a bridge had predicted, that took 6 to 10 % off the trials.
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
    round_model: bool = False
    radius: float = 0.5
    size: float = 0.3
    restarts: bool = True
    tolerance: float = 1e-5
    flatness: float = 1e-2
    patience: int = 3


@dataclass(frozen=True, slots=True)
class Ground:
    """A cube, and how a simplex walks in it.

    Attributes:
        grains: Per axis, what can be told apart.
        ways: How it walks.
        sizes: How far from the best point the corners of a new simplex lie, per axis.
    """

    grains: tuple[Grain, ...]
    ways: Ways
    sizes: tuple[float, ...]

    @property
    def count(self) -> float:
        """How many points there are; infinite with a continuous axis."""
        return math.prod(map(count_of, self.grains))

    def snapped(self, point: Point) -> Point:
        """Return where the point's values lie by themselves."""
        return tuple(snapped(x, n) for x, n in zip(point, self.grains, strict=True))

    def place(self, point: Point) -> Point:
        """Return what is equal for points that are evaluated once: all within ``DIGITS``.

        The textbook's method takes every difference for one.
        """
        middle = self.snapped(point)
        return tuple(round(x, DIGITS) for x in middle) if self.ways.parallel else middle

    def moved(self, simplex: Simplex, move: Move, vertex: int = 0) -> Point:
        """Return where a vertex goes, counted from the worst."""
        point = simplex.moved(move, by=self.ways.coefficients, vertex=-1 - vertex)
        return inside(point) if self.ways.bounded else point

    def is_stopped(self, simplex: Simplex, move: Move) -> bool:
        """Whether the move ends at the edge of the cube and would make the simplex flat."""
        free = simplex.moved(move, by=self.ways.coefficients)
        if not self.ways.bounded or free == inside(free):
            return False
        return self.is_flat(simplex.replaced(-1, inside(free), 0.0))

    def is_flat(self, simplex: Simplex) -> bool:
        """Whether it is; the textbook's method, without bounds, does not ask."""
        asks = self.ways.parallel or self.ways.bounded
        least = self.ways.flatness ** len(self.grains)
        return bool(self.grains) and asks and simplex.flatness < least

    def is_at_its_end(self, simplex: Simplex) -> bool:
        """Whether it has nowhere to go: it failed everywhere, is flat, or is one place."""
        if simplex.losses[0] == math.inf or self.is_flat(simplex):
            return True
        places = Simplex(tuple(map(self.snapped, simplex.vertices)), simplex.losses)
        return places.diameter < self.ways.tolerance

    def joined(self, simplex: Simplex, late: Sequence[Evaluated]) -> Simplex:
        """Return the simplex with every late result that is better than its worst vertex.

        It takes the place of the worst, or of another where that would leave the simplex flat; the
        best result is never dropped.
        """
        for point, loss in sorted(late, key=lambda pair: pair[1]):
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
            simplex = next((other for other in others if not self.is_flat(other)), others[0])
        return simplex

    def corners(self, kept: Sequence[Evaluated], *, most: float = math.inf) -> tuple[Point, ...]:
        """Return the points that make a simplex of ``kept``, at most so far from the first.

        Along an axis of levels at least one level away.
        """
        sizes = [
            max(min(size, most), least_step(x, grain))
            for size, grain, x in zip(self.sizes, self.grains, kept[0][0], strict=True)
        ]
        return completing([point for point, _ in kept], sizes=sizes)
