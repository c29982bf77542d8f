"""Branches of a space: combinations of the choices that have no direction to walk in."""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from autopeft.spec.space import Axis, Cube, active_axes, level_of

Branch: TypeAlias = tuple[tuple[str, int], ...]


def splitting_axes(axes: Iterable[Axis]) -> set[str]:
    """Return the names of the axes that split a space: unordered, or others depend on them."""
    axes = list(axes)
    parents = {axis.when[0] for axis in axes if axis.when is not None}
    return parents | {axis.name for axis in axes if not axis.ordered}


def branch_of(axes: Sequence[Axis], splitting: Collection[str], cube: Cube) -> Branch:
    """Return the branch that a point lies in: every choice it takes and its level."""
    return tuple(
        (axis.name, level_of(cube[axis.name], axis.levels or 1))
        for axis in active_axes(axes, cube)
        if axis.name in splitting
    )
