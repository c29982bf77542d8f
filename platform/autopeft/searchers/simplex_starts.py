"""First simplices: random, regular, or whatever points there are, completed where they are flat."""

import math
from collections.abc import Sequence

import numpy as np

from autopeft.searchers.simplex import Evaluated, Point, inside, plain

# A point adds a direction if at least this part of its edge stands out of the others' plane.
OUT_OF_PLANE = 0.1


def random_simplex(dimensions: int, *, seed: int) -> tuple[Point, ...]:
    """Return uniform points of the unit cube, those that aiaccel draws for the same seed."""
    drawn = np.random.RandomState(seed % 2**32).uniform(0, 1, (dimensions + 1, dimensions))
    return tuple(map(plain, drawn))


def regular_simplex(
    centre: Sequence[float], size: float | Sequence[float], *, rng: np.random.Generator
) -> tuple[Point, ...]:
    """Return a regular simplex, turned at random, whose vertices are ``size`` from ``centre``.

    Vertices outside the unit cube are moved to its edge. ``size`` may differ by axis.
    """
    d = len(centre)
    if d == 0:
        return ((),)
    corners = np.eye(d + 1) - 1 / (d + 1)
    directions = corners @ np.linalg.svd(corners)[0][:, :d]
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    directions = directions @ turn / math.sqrt(d / (d + 1))
    return tuple(map(inside, np.asarray(centre) + directions * np.asarray(size)))


def spanning(evaluated: Sequence[Evaluated]) -> list[Evaluated]:
    """Return the best point and the next best ones that each add a direction, D+1 at most.

    Example:
        >>> spanning([((0.0, 0.0), 1.0), ((0.5, 0.0), 2.0), ((0.9, 0.0), 3.0), ((0.0, 1.0), 4.0)])
        [((0.0, 0.0), 1.0), ((0.5, 0.0), 2.0), ((0.0, 1.0), 4.0)]
    """
    best, *others = sorted(evaluated, key=lambda pair: pair[1])
    chosen, basis = [best], list[np.ndarray]()
    for point, loss in others:
        edge = np.subtract(point, best[0])
        rest = edge - sum((b * (b @ edge) for b in basis), np.zeros(len(point)))
        length = float(np.linalg.norm(rest))
        if len(basis) < len(point) and length > max(
            OUT_OF_PLANE * float(np.linalg.norm(edge)), 1e-12
        ):
            basis.append(rest / length)
            chosen.append((point, loss))
    return chosen


def completing(corners: Sequence[Point], *, sizes: Sequence[float]) -> tuple[Point, ...]:
    """Return the points that make a simplex of ``corners``, D+1 together with them.

    Each lies beside the first corner along one axis, where there is room: the axes that stand out
    of the corners' plane the most.
    """
    first = np.asarray(corners[0])
    d = len(first)
    edges = (np.asarray(corners[1:]).reshape(-1, d) - first).T
    basis = np.linalg.qr(edges)[0]
    added: list[Point] = []
    while basis.shape[1] < d:
        standing_out = np.eye(d) - basis @ basis.T
        axis = int(np.argmax(np.linalg.norm(standing_out, axis=0)))
        direction = standing_out[:, axis] / np.linalg.norm(standing_out[:, axis])
        basis = np.concatenate([basis, direction[:, None]], axis=1)
        up = 1.0 - first[axis] >= first[axis]
        room = 1.0 - first[axis] if up else first[axis]
        point = first.copy()
        point[axis] += min(sizes[axis], room) * (1 if up else -1)
        added.append(inside(point))
    return tuple(added)
