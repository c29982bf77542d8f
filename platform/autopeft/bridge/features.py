"""Points of the cube as rows of numbers, for regressions: every axis always in the same columns.

An ordered axis is one column, its position; an unordered choice a column per level (one-hot). What
does not exist at a point is in the middle, and a second column of such an axis says that it lacks.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autopeft.spec.space import Axis, level_of

MIDDLE = 0.5


def columns(axes: Sequence[Axis]) -> list[str]:
    """Return what each column means.

    Example:
        >>> columns((Axis("method", 2, ordered=False), Axis("rate", when=("method", 0))))
        ['method=0', 'method=1', 'rate', 'rate exists']
    """
    names: list[str] = []
    for axis in axes:
        if not axis.ordered:
            names += [f"{axis.name}={level}" for level in range(axis.levels or 1)]
        else:
            names += [axis.name] if axis.when is None else [axis.name, f"{axis.name} exists"]
    return names


def rows(axes: Sequence[Axis], cubes: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    """Return a row of numbers in [0, 1] per point, columns as ``columns`` names them.

    Example:
        >>> axes = (Axis("method", 2, ordered=False), Axis("rate", when=("method", 0)))
        >>> rows(axes, [{"method": 0.25, "rate": 0.3}, {"method": 0.75}]).tolist()
        [[1.0, 0.0, 0.3, 1.0], [0.0, 1.0, 0.5, 0.0]]
    """
    return np.asarray([list(_row(axes, cube)) for cube in cubes], dtype=float).reshape(
        len(cubes), len(columns(axes))
    )


def _row(axes: Sequence[Axis], cube: Mapping[str, float]) -> list[float]:
    found: list[float] = []
    for axis in axes:
        position = cube.get(axis.name)
        if not axis.ordered:
            levels = axis.levels or 1
            taken = None if position is None else level_of(position, levels)
            found += [float(level == taken) for level in range(levels)]
            continue
        found.append(MIDDLE if position is None else position)
        if axis.when is not None:
            found.append(float(position is not None))
    return found
