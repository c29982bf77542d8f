"""Problems with several objectives whose fronts are known, and what a set of trials covers.

DTLZ2 and DTLZ7 of Deb, Thiele, Laumanns and Zitzler, "Scalable Test Problems for Evolutionary
Multiobjective Optimization" (2005); everything is minimised.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from optuna._hypervolume import compute_hypervolume  # public nowhere in Optuna 5.0

from autopeft.spec.space import Axis, Cube

NUMBERS: Final = 5


class Front:
    """A problem of ``objectives`` losses on a cube of 5 numbers and one for each further loss.

    Args:
        name: ``dtlz2`` or ``dtlz7``.
        objectives: Two or more.
    """

    def __init__(self, name: str, objectives: int) -> None:
        self.objectives = objectives
        self.axes = tuple(Axis(f"x{i}") for i in range(NUMBERS + objectives - 2))
        self._evaluate = PROBLEMS[name]
        # What is worse than this in one objective covers nothing.
        self._worst = np.asarray(
            [1.5] * objectives
            if name == "dtlz2"
            else [1.0] * (objectives - 1) + [11.0 * objectives]
        )

    def losses(self, cube: Cube) -> tuple[float, ...]:
        """Return the losses at a point."""
        return self._evaluate([cube[axis.name] for axis in self.axes], self.objectives)

    def hypervolume(self, losses: Sequence[Sequence[float]]) -> float:
        """Return how much of the space of losses the points dominate; more is better."""
        points: NDArray[np.float64] = np.asarray(losses, dtype=float)
        points = points[(points < self._worst).all(axis=1)]
        return float(compute_hypervolume(points, self._worst)) if len(points) else 0.0


def dtlz2(x: Sequence[float], objectives: int) -> tuple[float, ...]:
    """Return losses whose front is the part of the unit sphere where all are positive.

    Example:
        >>> [round(loss, 3) for loss in dtlz2([0.5, 0.5, 0.5, 0.5, 0.5], 2)]
        [0.707, 0.707]
    """
    angles = [position * math.pi / 2 for position in x[: objectives - 1]]
    radius = 1 + sum((position - 0.5) ** 2 for position in x[objectives - 1 :])
    losses = []
    for index in range(objectives):
        loss = radius * math.prod(math.cos(a) for a in angles[: objectives - 1 - index])
        losses.append(loss * math.sin(angles[objectives - 1 - index]) if index else loss)
    return tuple(losses)


def dtlz7(x: Sequence[float], objectives: int) -> tuple[float, ...]:
    """Return losses whose front has 2 ** (objectives - 1) pieces.

    Example:
        >>> dtlz7([0.0, 0.0, 0.0, 0.0, 0.0], 2)
        (0.0, 4.0)
    """
    first, rest = x[: objectives - 1], x[objectives - 1 :]
    g = 1 + 9 * sum(rest) / len(rest)
    h = objectives - sum(f / (1 + g) * (1 + math.sin(3 * math.pi * f)) for f in first)
    return (*first, (1 + g) * h)


PROBLEMS: Final[Mapping[str, Callable[[Sequence[float], int], tuple[float, ...]]]] = (
    MappingProxyType({"dtlz2": dtlz2, "dtlz7": dtlz7})
)
