"""New values near a copied trial's, for what may change in the middle of a trial. Pure."""

import random
from typing import Any

from autopeft.core.seeds import derive_seed
from autopeft.spec.scheduler import CHANGING
from autopeft.spec.space import Dimension, Space, Values, level_of, middle_of

FACTORS = (0.8, 1.2)


def changing(space: Space) -> list[Dimension]:
    """Return the dimensions that may change within a trial: never the architecture."""
    return [d for d in space.dimensions if d.name.rpartition(".")[2] in CHANGING]


def explore(space: Space, values: Values, *, seed: int, resample: float) -> Values:
    """Return new values for what may change, from those of the trial that is copied.

    Each is drawn anew with probability ``resample``, else a number is multiplied by 0.8 or 1.2
    (Jaderberg et al., 2017, section 4.1.2) within its bounds, and a level moves to a neighbour.
    """
    return {
        dimension.name: _explored(
            dimension,
            values[dimension.name],
            random.Random(derive_seed(seed, dimension.name)),
            resample,
        )
        for dimension in changing(space)
        if dimension.name in values
    }


def _explored(dimension: Dimension, value: Any, dice: random.Random, resample: float) -> Any:
    if dice.random() < resample or (dimension.kind == "choice" and not dimension.ordered):
        return dimension.value(dice.random())
    levels = dimension.axis.levels
    if levels is not None:
        level = level_of(dimension.position(value), levels) + dice.choice((-1, 1))
        return dimension.value(middle_of(min(max(level, 0), levels - 1), levels))
    moved = min(max(value * dice.choice(FACTORS), dimension.low), dimension.high)
    return dimension.value(dimension.position(moved))
