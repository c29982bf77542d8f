"""Distributions as a user writes them in place of a value."""

import math
from typing import Any, Self, TypeAlias

from pydantic import Field, model_validator

from autopeft.spec.record import Record

Scalar: TypeAlias = bool | int | float | str | None

# Distributions stand in these sections, but not below or at these keys; and at any parameter of a
# task that has some, whatever its name.
SECTIONS = ("task", "model", "method", "training")
PARAMETERS = ("task", "parameters")
NOT_SEARCHED = (
    "steps", "report_every", "kind", "name", "data", "command", "folder", "entry_point", "seeded"
)  # fmt: skip


class OneOf(Record):
    """A choice: ordered if all values are numbers, or if ``ordered: true`` says so."""

    one_of: tuple[Any, ...] = Field(min_length=1)
    ordered: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_range(cls, data: Any) -> Any:
        if isinstance(data, dict) and (of_range := [k for k in Range.model_fields if k in data]):
            raise ValueError(
                f"one_of and {' and '.join(of_range)} exclude each other; keep {{one_of: […]}} or "
                "{low: …, high: …}"
            )
        return data

    @model_validator(mode="after")
    def _scalars_once(self) -> Self:
        for value in self.one_of:
            if isinstance(value, (dict, list)):
                raise ValueError(f"{value!r} is not a scalar; one_of lists numbers or words")
        if len({(isinstance(value, bool), value) for value in self.one_of}) < len(self.one_of):
            raise ValueError(f"one_of {list(self.one_of)} names a value twice")
        return self

    @property
    def is_ordered(self) -> bool:
        """Whether neighbours in the list are neighbours in meaning."""
        if self.ordered is not None:
            return self.ordered
        return all(type(value) in (int, float) for value in self.one_of)


class Range(Record):
    """All numbers from ``low`` to ``high``, both included; on a log scale or a grid of steps.

    ``integer`` asks for whole numbers; of a key that is a whole number anyway it need not be said.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = Field(None, gt=0)
    integer: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        low, high = self.low, self.high
        if low > high:
            raise ValueError(
                f"low {low:g} is above high {high:g} — write e.g. {{low: {high:g}, high: {low:g}}}"
            )
        if low == high:
            raise ValueError(f"low and high are both {low:g}: write the number {low:g} itself")
        if self.log and low <= 0:
            raise ValueError(f"log needs low above 0, found {low:g}")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other; keep one")
        if self.integer and not self.is_whole:
            raise ValueError(f"integer needs whole numbers, found {low:g} to {high:g}")
        if self.step is not None:
            count = (high - low) / self.step
            if not math.isfinite(count):
                raise ValueError(f"{low:g} to {high:g} in steps of {self.step:g} is too many steps")
            if abs(count - round(count)) > 1e-9 * max(1.0, count):
                reachable = low + math.floor(count) * self.step
                raise ValueError(
                    f"high {high:g} is not low {low:g} plus whole steps of {self.step:g}; "
                    f"the nearest below is {reachable:g}"
                )
        return self

    @property
    def is_whole(self) -> bool:
        """Whether its ends and its steps are whole numbers."""
        return all(number == int(number) for number in (self.low, self.high, self.step or 1))


def is_distribution(value: object) -> bool:
    """Whether a piece of YAML stands for a distribution rather than for a value."""
    return isinstance(value, dict) and bool({"one_of", "low", "high"} & value.keys())


def is_searchable(path: tuple[str | int, ...]) -> bool:
    """Whether a distribution may stand at ``path``.

    Example:
        >>> is_searchable(("method", "rank")), is_searchable(("training", "steps"))
        (True, False)
        >>> is_searchable(("task", "parameters", "steps"))
        True
    """
    if is_parameter(path):
        return True
    return path[:1] != () and path[0] in SECTIONS and not {*path} & {*NOT_SEARCHED}


def is_parameter(path: tuple[str | int, ...]) -> bool:
    """Whether one of a task's own parameters stands at ``path``."""
    return path[:2] == PARAMETERS and len(path) == 3


def read_distribution(value: dict[str, Any]) -> OneOf | Range:
    """Validate a piece of YAML for which ``is_distribution`` holds (pydantic's error if wrong)."""
    return OneOf.model_validate(value) if "one_of" in value else Range.model_validate(value)
