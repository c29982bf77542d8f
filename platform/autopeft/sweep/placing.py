"""Where earlier trials lie in a space that has changed: by what was built, not by where it lay.

A trial keeps its place in the sweep if the new search file can describe it to the letter; it is the
searcher's history if it also lies inside the new ranges.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from autopeft.spec.problems import Path, dotted
from autopeft.spec.space import Space, Values
from autopeft.spec.sweep import Sweep
from autopeft.spec.template import Branch
from autopeft.spec.trial import AnyTrial
from autopeft.tracking.events import Placed


class CannotDescribe(Exception):  # never leaves this room
    """The new file cannot say what a trial was: ``paths`` would differ."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(", ".join(paths))
        self.paths = paths


def placed(old: Sweep, new: Sweep, values: Values) -> Placed:
    """Return the values and the point of an earlier trial in the space of ``new``.

    Args:
        old: The sweep it was a trial of.
        new: The sweep as it is to be.
        values: What it was built from, in the names of ``old``.

    Raises:
        CannotDescribe: No values make the same trial of ``new``.
    """
    spec, trees = old.trial(values), old.template.trees_at(values)
    name = _name(old.template.branch_at(values))
    differing: tuple[str, ...] = ("method",) if old.template.branches else ("task.parameters",)
    # The branch of the same name first; a method that got its any_of may have another name now.
    for branch in sorted(new.template.ways, key=lambda other: _name(other) != name):
        found = _values_in(new, branch, trees, spec)
        if found is None:
            continue
        paths = _differing(spec, new, found)
        if not paths:
            return Placed(values=found, cube=_point(new.space, found))
        if _name(branch) == name:
            differing = paths
    raise CannotDescribe(differing)


def middles(sweep: Sweep) -> Iterator[Values]:
    """Yield a point in the middle of every branch: for what all trials have in common."""
    for branch in sweep.template.ways:
        middle = {dimension.name: 0.5 for dimension in sweep.space.dimensions}
        if branch is not None and len(sweep.template.branches) > 1:
            middle["method"] = sweep.space["method"].position(branch.name)
        yield sweep.space.decode(middle)


def _name(branch: Branch | None) -> str:
    return "" if branch is None else branch.name


def _values_in(
    sweep: Sweep, branch: Branch | None, trees: Mapping[str, Any], spec: AnyTrial
) -> Values | None:
    """Return what a trial has where ``sweep`` searches; ``None`` where it has no such thing."""
    several = len(sweep.template.branches) > 1
    found: Values = {"method": _name(branch)} if several else {}
    defaults = spec.model_dump()
    for path, dimension in sweep.template.searched_in(branch):
        try:
            found[dimension.name] = _at(trees, path)
        except LookupError:  # not written down: a default
            try:
                found[dimension.name] = _at(defaults, path)
            except LookupError:
                return None
    return found


def _at(tree: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(tree, Mapping | list | tuple):
            raise LookupError(dotted(path))
        tree = tree[step]  # type: ignore[index]
    return tree


def _differing(spec: AnyTrial, sweep: Sweep, values: Values) -> tuple[str, ...]:
    """Return the settings in which a trial of ``sweep`` would differ from ``spec``."""
    try:
        again = sweep.trial(values, seed=spec.seed)
    except ValidationError:
        return ("method",)
    one, other = (dict(_leaves(each.model_dump())) for each in (spec, again))
    return tuple(path for path in {**one, **other} if one.get(path) != other.get(path))


def _leaves(tree: Any, path: Path = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, (*path, key))
    else:
        yield dotted(path), tree


def _point(space: Space, values: Values) -> dict[str, float] | None:
    """Return the point at ``values``; ``None`` if one lies outside, or between two levels."""
    try:
        cube = space.encode(values)
    except (ValueError, TypeError):
        return None
    again = space.decode(cube)
    return cube if all(agree(again[name], value) for name, value in values.items()) else None


def agree(one: Any, other: Any) -> bool:
    """Whether two values are one, but for what processors round differently."""
    numbers = all(isinstance(each, int | float) for each in (one, other))
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-15) if numbers else one == other
