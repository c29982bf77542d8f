"""The simplex of Nelder and Mead as arithmetic: a frozen record, pure moves, one pure decision.

J. A. Nelder, R. Mead, "A simplex method for function minimization", The Computer Journal 7 (1965),
308-313, with the tie rules of Lagarias et al., SIAM J. Optim. 9 (1998), 112-147, section 2, which
SciPy follows too. Coefficients that depend on the dimension: F. Gao, L. Han, Comput. Optim. Appl.
51 (2012), 259-277, equation (4.1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Point: TypeAlias = tuple[float, ...]
Evaluated: TypeAlias = tuple[Point, float]


class Move(StrEnum):
    """Where a vertex may go: along the line through it and the centroid of the others."""

    REFLECT = "reflect"
    EXPAND = "expand"
    OUTSIDE = "contract outside"
    INSIDE = "contract inside"


@dataclass(frozen=True, slots=True)
class Coefficients:
    """How far a move goes, in units of the distance from the vertex to the centroid."""

    reflect: float = 1.0
    expand: float = 2.0
    contract: float = 0.5
    shrink: float = 0.5

    @classmethod
    def adaptive(cls, dimensions: int) -> "Coefficients":
        """Return those of Gao and Han, which keep large simplices from collapsing.

        Example:
            >>> Coefficients.adaptive(10)
            Coefficients(reflect=1.0, expand=1.2, contract=0.7, shrink=0.9)
        """
        if dimensions < 2:
            return cls()
        d = dimensions
        return cls(1.0, 1 + 2 / d, 0.75 - 1 / (2 * d), 1 - 1 / d)

    def along(self, move: Move) -> float:
        """Return the signed distance of a move: positive is beyond the centroid."""
        return {
            Move.REFLECT: self.reflect,
            Move.EXPAND: self.reflect * self.expand,
            Move.OUTSIDE: self.reflect * self.contract,
            Move.INSIDE: -self.contract,
        }[move]


@dataclass(frozen=True, slots=True)
class Simplex:
    """D+1 vertices in D dimensions and their losses, best first; no number is ever paired anew."""

    vertices: tuple[Point, ...]
    losses: tuple[float, ...]

    @classmethod
    def of(cls, evaluated: Sequence[Evaluated]) -> "Simplex":
        """Return the simplex of these points; equal losses keep their order."""
        ordered = sorted(evaluated, key=lambda pair: pair[1])
        return cls(tuple(point for point, _ in ordered), tuple(loss for _, loss in ordered))

    @property
    def evaluated(self) -> list[Evaluated]:
        """The vertices with their losses, best first."""
        return list(zip(self.vertices, self.losses, strict=True))

    @property
    def diameter(self) -> float:
        """Largest distance along one axis from the best vertex to another."""
        best = self.vertices[0]
        return max(
            (abs(x - b) for vertex in self.vertices[1:] for x, b in zip(vertex, best, strict=True)),
            default=0.0,
        )

    @property
    def flatness(self) -> float:
        """Volume over the volume of a cube with the longest edge; 0 if the simplex is degenerate.

        A regular simplex has sqrt(D+1) / sqrt(2)**D: 0.87 in the plane, 0.43 for D = 5.
        """
        edges = np.asarray(self.vertices[1:]) - np.asarray(self.vertices[0])
        longest = float(np.max(np.linalg.norm(edges, axis=1), initial=0.0))
        if longest <= 0:
            return 0.0
        with np.errstate(divide="ignore"):  # numpy warns of an edge of subnormal length
            return abs(float(np.linalg.det(edges / longest)))

    def moved(self, move: Move, *, by: Coefficients, vertex: int = -1) -> Point:
        """Return where ``vertex`` (the worst) goes; about the centroid of the better ones.

        Moving a vertex that is not the worst about the centroid of those better than it lets
        several vertices move at once: D. Lee, M. Wiswall, Comput. Econ. 30 (2007), 171-187.
        """
        vertex %= len(self.vertices)
        centroid = np.mean(np.asarray(self.vertices[:vertex]), axis=0)
        away = by.along(move)
        return plain((1 + away) * centroid - away * np.asarray(self.vertices[vertex]))

    def replaced(self, vertex: int, point: Point, loss: float) -> "Simplex":
        """Return the simplex with another vertex in place of ``vertex``, in order."""
        evaluated = self.evaluated
        del evaluated[vertex]
        return Simplex.of([*evaluated, (point, loss)])

    def shrunken(self, *, by: Coefficients) -> tuple[Point, ...]:
        """Return where all vertices but the best go when they shrink towards it."""
        best = np.asarray(self.vertices[0])
        return tuple(plain(best + by.shrink * (np.asarray(v) - best)) for v in self.vertices[1:])


@dataclass(frozen=True, slots=True)
class Need:
    """The decision needs the loss of this move."""

    move: Move


@dataclass(frozen=True, slots=True)
class Accept:
    """The worst vertex is replaced by this move's point."""

    move: Move


@dataclass(frozen=True, slots=True)
class Shrink:
    """No move is good enough: all vertices shrink towards the best."""


def decide(simplex: Simplex, known: Mapping[Move, float]) -> Need | Accept | Shrink:
    """Return what happens to the worst vertex, or which loss that depends on.

    Serial and speculative search differ only in what is ``known`` when this is asked.

    Example:
        >>> simplex = Simplex.of([((0.0,), 1.0), ((1.0,), 3.0)])
        >>> decide(simplex, {}), decide(simplex, {Move.REFLECT: 0.5})
        (Need(move=<Move.REFLECT: 'reflect'>), Need(move=<Move.EXPAND: 'expand'>))
        >>> decide(simplex, {Move.REFLECT: 0.5, Move.EXPAND: 0.7})
        Accept(move=<Move.REFLECT: 'reflect'>)
    """
    best, second_worst, worst = simplex.losses[0], simplex.losses[-2], simplex.losses[-1]
    if Move.REFLECT not in known:
        return Need(Move.REFLECT)
    reflected = known[Move.REFLECT]
    if reflected < best:
        if Move.EXPAND not in known:
            return Need(Move.EXPAND)
        return Accept(Move.EXPAND if known[Move.EXPAND] < reflected else Move.REFLECT)
    if reflected < second_worst:
        return Accept(Move.REFLECT)
    if reflected < worst:
        if Move.OUTSIDE not in known:
            return Need(Move.OUTSIDE)
        return Accept(Move.OUTSIDE) if known[Move.OUTSIDE] <= reflected else Shrink()
    if Move.INSIDE not in known:
        return Need(Move.INSIDE)
    return Accept(Move.INSIDE) if known[Move.INSIDE] < worst else Shrink()


def inside(point: Sequence[float] | NDArray[np.float64]) -> Point:
    """Return the nearest point of the unit cube."""
    return plain(np.clip(np.asarray(point, dtype=float), 0.0, 1.0))


def plain(point: Sequence[float] | NDArray[np.float64]) -> Point:
    """Return a point as a tuple of Python's floats."""
    return tuple(map(float, point))
