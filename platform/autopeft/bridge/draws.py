"""Random points of a space with branches."""

from collections.abc import Iterator, Sequence

import numpy as np

from autopeft.spec.space import Axis, completed, snapped


def drawn_points(axes: Sequence[Axis], count: int, *, seed: int) -> list[dict[str, float]]:
    """Return uniform points; each has the axes that exist at it, levels at their middles."""
    rng = np.random.default_rng(seed)
    drawn = rng.random((count, len(axes))).tolist()
    return [completed(axes, {}, dict(_snapped(axes, row))) for row in drawn]


def _snapped(axes: Sequence[Axis], row: Sequence[float]) -> Iterator[tuple[str, float]]:
    for axis, position in zip(axes, row, strict=True):
        yield axis.name, snapped(position, axis.levels)
