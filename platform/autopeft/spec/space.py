"""The unit cube: the one place where values and numbers in [0, 1] are mapped to each other.

A space is a tuple of dimensions. Searchers see its ``axes`` and propose a number in [0, 1] for
each active one; ``Space.decode`` turns them into values, ``Space.encode`` turns values back. A
dimension with ``n`` levels gives each an interval of width 1/n (so each is equally reachable), its
centre is the level's number; a log-scaled integer's intervals are as wide as its logarithm says.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Cube: TypeAlias = Mapping[str, float]
Values: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogWhole:
    """The whole numbers from ``low`` to ``high`` on a logarithmic scale.

    A number's interval is as wide as its logarithm says, half a unit to each side.
    """

    low: int
    high: int

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return self.high - self.low + 1

    def number(self, position: float) -> int:
        """Return the number whose interval holds a position.

        Example:
            >>> [LogWhole(1, 8).number(x) for x in (0.0, 0.3, 0.9, 1.0)]
            [1, 1, 6, 8]
        """
        low, high = self._bounds
        return min(max(round(math.exp(low + position * (high - low))), self.low), self.high)

    def position(self, number: float) -> float:
        """Return where a number lies."""
        low, high = self._bounds
        return (math.log(number) - low) / (high - low)

    @property
    def _bounds(self) -> tuple[float, float]:
        return math.log(self.low - 0.5), math.log(self.high + 0.5)


# What can be told apart along an axis: so many equal levels, numbers, or everything.
Grain: TypeAlias = int | LogWhole | None


@dataclass(frozen=True, slots=True)
class Axis:
    """What a searcher knows of a dimension.

    Attributes:
        name: The dimension's name.
        levels: How many equal levels it has; ``None`` for one that may be taken as continuous.
        ordered: Whether neighbouring numbers mean neighbouring values.
        when: ``(name, level)`` of the choice that must be taken for this axis to exist.
        whole: The whole numbers on its logarithmic scale, if it has any: positions of one number
            are one point.
    """

    name: str
    levels: int | None = None
    ordered: bool = True
    when: tuple[str, int] | None = None
    whole: LogWhole | None = None

    @property
    def grain(self) -> Grain:
        """What can be told apart along it."""
        return self.whole or self.levels


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that is searched: its values and where on [0, 1] they lie.

    Attributes:
        name: Dotted path in the search file, such as ``method.lora.rank``.
        kind: ``float``, ``int`` or ``choice``.
        low: Smallest value of a number.
        high: Largest value of a number, included.
        log: Whether a number is spaced by its logarithm.
        step: Distance between the levels of a number on a grid.
        choices: Values of a choice.
        ordered: Whether the choices have an order.
        when: ``(name, level)`` this dimension depends on.
    """

    name: str
    kind: Literal["float", "int", "choice"]
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()
    ordered: bool = True
    when: tuple[str, int] | None = None

    @property
    def levels(self) -> int | None:
        """Number of values that can be told apart; ``None`` if it is a continuum."""
        if self.kind == "choice":
            return len(self.choices)
        if self.kind == "int":
            return round((self.high - self.low) / (self.step or 1)) + 1
        return None if self.step is None else round((self.high - self.low) / self.step) + 1

    def as_written(self) -> dict[str, Any]:
        """Return the distribution as a search file has it, with nothing left to a default.

        Example:
            >>> Dimension("rank", "int", 1.0, 8.0).as_written()
            {'low': 1, 'high': 8, 'log': False, 'integer': True}
            >>> Dimension("roles", "choice", choices=("a", "b"), ordered=False).as_written()
            {'one_of': ['a', 'b'], 'ordered': False}
        """
        if self.kind == "choice":
            return {"one_of": [*self.choices], "ordered": self.ordered}
        whole = self.kind == "int"
        low, high, step = (
            int(number) if whole and number is not None else number
            for number in (self.low, self.high, self.step)
        )
        written: dict[str, Any] = {"low": low, "high": high, "log": self.log}
        return written | ({"step": step} if step else {}) | ({"integer": True} if whole else {})

    @property
    def axis(self) -> Axis:
        """The dimension as a searcher sees it."""
        ordered = self.ordered if self.kind == "choice" else True
        # A grid of equal levels would miss the upper numbers of a log scale: they lie too close.
        levels = None if self.log else self.levels
        return Axis(self.name, levels, ordered, self.when, self._whole)

    def value(self, position: float) -> Any:
        """Return the value at ``position`` in [0, 1]; positions outside are moved to the edge.

        Example:
            >>> Dimension("rate", "float", 1e-4, 1e-2, log=True).value(0.5)
            0.001
            >>> Dimension("rank", "choice", choices=(1, 2, 4, 8)).value(0.99)
            8
        """
        position = min(max(position, 0.0), 1.0)
        if self.kind == "choice":
            return self.choices[self._level(position)]
        number = self._number(position)
        return int(number) if self.kind == "int" else number

    def _number(self, position: float) -> float:
        if position in (0.0, 1.0):  # the very numbers the user wrote, whatever rounding does
            return self.high if position else self.low
        if self._whole is not None:
            return self._whole.number(position)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            # 15 digits: exp(log(x)) gives the number the user wrote, not its neighbour.
            number = float(f"{math.exp(low + position * (high - low)):.15g}")
        elif self.levels is not None:
            number = self.low + self._level(position) * (self.step or 1)
            number = float(f"{number:.12g}")
        else:
            # 15 digits here too: 0.1, put into the cube and taken out, is 0.1 again.
            number = float(f"{self.low * (1 - position) + self.high * position:.15g}")
        return min(max(number, self.low), self.high)

    def position(self, value: Any) -> float:
        """Return where in [0, 1] ``value`` lies; the centre of its interval if it is a level.

        Raises:
            ValueError: The value is not in this dimension; the message says what is.
        """
        if self.kind == "choice":
            for level, choice in enumerate(self.choices):
                if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                    return (level + 0.5) / len(self.choices)
            raise ValueError(f"{self.name}: {value!r} is not one of {list(self.choices)}")
        number = float(value)
        if not self.low <= number <= self.high:
            raise ValueError(f"{self.name}: {value!r} is outside [{self.low:g}, {self.high:g}]")
        if self._whole is not None:
            return self._whole.position(number)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(number) - low) / (high - low)
        if self.levels is not None:
            return (round((number - self.low) / (self.step or 1)) + 0.5) / self.levels
        return (number - self.low) / (self.high - self.low)

    def _level(self, position: float) -> int:
        return level_of(position, self.levels or 1)

    @property
    def _whole(self) -> LogWhole | None:
        return LogWhole(int(self.low), int(self.high)) if self.log and self.kind == "int" else None


@dataclass(frozen=True, slots=True)
class Space:
    """The dimensions of a search; conditional ones name the choice that switches them on."""

    dimensions: tuple[Dimension, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The space as a searcher sees it."""
        return tuple(dimension.axis for dimension in self.dimensions)

    @property
    def has_branches(self) -> bool:
        """Whether some dimensions exist only where a choice takes one of its values."""
        return any(dimension.when is not None for dimension in self.dimensions)

    def __getitem__(self, name: str) -> Dimension:
        return next(d for d in self.dimensions if d.name == name)

    def decode(self, cube: Cube) -> Values:
        """Return the values of the dimensions that exist at this point, in order.

        Raises:
            KeyError: The point lacks a dimension that exists there.
        """
        values: Values = {}
        for dimension in self.dimensions:
            if self._exists(dimension, values):
                values[dimension.name] = dimension.value(cube[dimension.name])
        return values

    def encode(self, values: Mapping[str, Any]) -> dict[str, float]:
        """Return the point where ``values`` lie; the inverse of ``decode``.

        Raises:
            ValueError: A value is not in its dimension.
        """
        return {
            dimension.name: dimension.position(values[dimension.name])
            for dimension in self.dimensions
            if dimension.name in values
        }

    def _exists(self, dimension: Dimension, values: Mapping[str, Any]) -> bool:
        if dimension.when is None:
            return True
        name, level = dimension.when
        return name in values and values[name] == self[name].choices[level]


def level_of(position: float, levels: int) -> int:
    """Return the number of the level whose interval holds ``position``.

    Example:
        >>> [level_of(x, 4) for x in (0.0, 0.25, 0.99, 1.0)]
        [0, 1, 3, 3]
    """
    return min(int(position * levels), levels - 1)


def middle_of(level: int, levels: int) -> float:
    """Return the middle of a level's interval.

    Example:
        >>> middle_of(0, 4), level_of(middle_of(3, 4), 4)
        (0.125, 3)
    """
    return (level + 0.5) / levels


def snapped(position: float, grain: Grain) -> float:
    """Return where the value at ``position`` lies by itself: one place for each that there is.

    Example:
        >>> snapped(0.3, 4), snapped(0.3, None), snapped(0.3, LogWhole(1, 8)) == snapped(
        ...     0.2, LogWhole(1, 8))
        (0.375, 0.3, True)
    """
    if grain is None:
        return position
    if isinstance(grain, LogWhole):
        return grain.position(grain.number(position))
    return middle_of(level_of(position, grain), grain)


def count_of(grain: Grain) -> float:
    """Return how many values there are, perhaps infinitely many."""
    if grain is None:
        return math.inf
    return grain.count if isinstance(grain, LogWhole) else grain


def places_of(grain: int | LogWhole) -> list[float]:
    """Return where all values lie, in order.

    Example:
        >>> places_of(2)
        [0.25, 0.75]
        >>> [LogWhole(2, 4).number(place) for place in places_of(LogWhole(2, 4))]
        [2, 3, 4]
    """
    if isinstance(grain, LogWhole):
        return [grain.position(number) for number in range(grain.low, grain.high + 1)]
    return [middle_of(level, grain) for level in range(grain)]


def least_step(position: float, grain: Grain) -> float:
    """Return how far from ``position`` another value is reached for certain, to either side.

    Example:
        >>> least_step(0.5, 4), least_step(0.5, None)
        (0.25, 0.0)
    """
    if isinstance(grain, LogWhole):
        number = grain.number(position)
        below = grain.position(max(number - 1, grain.low))
        above = grain.position(min(number + 1, grain.high))
        return max(position - below, above - position)
    return 0.0 if grain is None else 1 / grain


def active_axes(axes: Iterable[Axis], cube: Cube) -> list[Axis]:
    """Return the axes that exist at ``cube``, in order.

    A condition holds when the choice's number falls into the named level's interval.
    """
    by_name = {axis.name: axis for axis in axes}
    active: list[Axis] = []
    names: set[str] = set()
    for axis in by_name.values():
        if axis.when is not None:
            parent, level = axis.when
            levels = by_name[parent].levels or 1
            if parent not in names or level_of(cube[parent], levels) != level:
                continue
        active.append(axis)
        names.add(axis.name)
    return active


def completed(axes: Sequence[Axis], given: Cube, otherwise: Cube) -> dict[str, float]:
    """Return the point ``given``, with ``otherwise`` on the axes that it lacks and that exist."""
    whole = {axis.name: given.get(axis.name, otherwise[axis.name]) for axis in axes}
    return {axis.name: whole[axis.name] for axis in active_axes(axes, whole)}
