"""Points that the user gives to begin with: judged, and put into the unit cube."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from autopeft.core.choices import known_words
from autopeft.spec.problems import shown
from autopeft.spec.space import Cube, Dimension, Space, Values

GivenPoint: TypeAlias = Mapping[str, Any]
Complaint: TypeAlias = tuple[tuple[str | int, ...], str]


def first_cubes(points: Sequence[GivenPoint], space: Space) -> tuple[Cube, ...]:
    """Return right points in the cube; a partial one lacks the axes it does not name."""
    return tuple(space.encode(with_choices(point, space)) for point in points)


def with_choices(point: GivenPoint, space: Space) -> Values:
    """Return the point with the choices that its parameters imply.

    Example:
        >>> space = Space((Dimension("method", "choice", choices=("lora", "ia3")),
        ...                Dimension("method.ia3.rate", "float", when=("method", 1))))
        >>> with_choices({"method.ia3.rate": 0.5}, space)
        {'method': 'ia3', 'method.ia3.rate': 0.5}
    """
    implied: Values = {}
    for dimension in space.dimensions:
        if dimension.name in point and dimension.when is not None:
            name, level = dimension.when
            implied[name] = space[name].choices[level]
    return {**implied, **point}


def wrong_points(points: Sequence[GivenPoint], space: Space) -> Iterator[Complaint]:
    """Yield what is wrong with points, each with its path below ``search.first_points``."""
    names = [dimension.name for dimension in space.dimensions]
    for index, point in enumerate(points):
        for name, value in point.items():
            if name not in names:
                message = _unknown(name, names)
            else:
                message = _wrong_value(space[name], value) or _other_branch(space, point, name)
            if message:
                yield (index, name), message


def _unknown(name: str, names: Sequence[str]) -> str:
    if not names:
        return "nothing is searched; a first point names parameters with a distribution"
    ends = [other for other in names if other.endswith(f".{name}")]
    if ends:
        return f"no parameter named {name!r} is searched; write {' or '.join(ends)}"
    return f"no parameter named {name!r} is searched{known_words(name, list(names))}"


def _wrong_value(dimension: Dimension, value: Any) -> str:
    """Return what is wrong with a value and what would be right; nothing if it is right."""
    if dimension.kind == "choice":
        try:
            dimension.position(value)
        except ValueError:
            words = ", ".join(map(shown, dimension.choices))
            return f"found {shown(value)}; one of {words} would be right"
        return ""
    span = f"from {dimension.low:g} to {dimension.high:g}"
    whole = dimension.kind == "int"
    number = f"a {'whole ' if whole else ''}number {span}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"found {shown(value)}; {number} would be right"
    if not dimension.low <= value <= dimension.high:
        return f"{value:g} is outside; {number} would be right"
    if whole and value != int(value):
        return f"found {value:g}; {number} would be right"
    nearest = dimension.value(dimension.position(value))
    if dimension.levels is not None and not math.isclose(
        nearest, value, rel_tol=1e-9, abs_tol=1e-12
    ):
        return f"{value:g} is not on the grid; the nearest is {nearest:g}"
    return ""


def _other_branch(space: Space, point: GivenPoint, name: str) -> str:
    """Return that a parameter belongs to another branch than the point takes."""
    when = space[name].when
    if when is None:
        return ""
    parent, own = when[0], space[when[0]].choices[when[1]]
    if parent in point:
        taken = point[parent]
        found = f"{parent} is {taken!r} here"
    else:
        first = next(n for n in point if n in {d.name for d in space.dimensions if d.when})
        level = space[first].when
        taken = own if level is None else space[parent].choices[level[1]]
        found = f"{first} makes {parent} {taken!r}"
    if taken == own:
        return ""
    return f"belongs to {parent} {own!r}, but {found}; a point has the parameters of one branch"
