"""The user's first points, completed where they are partial."""

import numpy as np

from autopeft.searchers.base import Setting
from autopeft.spec.space import Axis, Cube, completed, snapped


def completed_first(setting: Setting) -> tuple[Cube, ...]:
    """Return the first points with random positions on the axes that they leave out."""
    rng = np.random.default_rng([setting.seed, 1])
    return tuple(
        completed(setting.axes, cube, {axis.name: _drawn(axis, rng) for axis in setting.axes})
        for cube in setting.first
    )


def _drawn(axis: Axis, rng: np.random.Generator) -> float:
    return snapped(float(rng.random()), axis.grain)
