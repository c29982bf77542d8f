"""The base of every record: frozen, closed to keys nobody knows, exact about numbers."""

import math
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class NoNumber:
    """Hides a value from pydantic, which would make a number of it; no field takes this."""

    def __init__(self, value: bool | str | float) -> None:
        self.value = value


class Record(BaseModel):
    """A small validated value: cannot change, refuses unknown keys, no silent type changes.

    ``strict`` is off because YAML has lists for tuples. Of what pydantic's lax mode would let pass
    for a number, ``true``, ``"3"`` and infinity are hidden from it, so that the field refuses them
    with all the other mistakes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _only_numbers_are_numbers(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        numbers = number_fields(cls)
        hidden = {k: NoNumber(v) for k, v in data.items() if k in numbers and _only_looks_so(v)}
        return {**data, **hidden} if hidden else data


def about(field: str, message: str) -> PydanticCustomError:
    """Return an error of the whole that names the field it concerns."""
    return PydanticCustomError("about_a_field", "{text}", {"text": message, "field": field})


@cache
def number_fields(record: type[BaseModel]) -> frozenset[str]:
    """Return the fields that hold a number and nothing else (but perhaps ``None``)."""
    types = {name: scalar_types(field.annotation) for name, field in record.model_fields.items()}
    return frozenset(name for name, found in types.items() if found and found <= {int, float})


def scalar_types(annotation: Any) -> set[Any]:
    """Return the types that an annotation names, without ``None``.

    Example:
        >>> scalar_types(int | None), scalar_types(Literal["a", "b"])
        ({<class 'int'>}, {<class 'str'>})
    """
    if get_origin(annotation) is Literal:
        return {type(value) for value in get_args(annotation)}
    if get_origin(annotation) is Annotated:
        return scalar_types(get_args(annotation)[0])
    if get_args(annotation):
        return set().union(*map(scalar_types, get_args(annotation))) - {NoneType}
    return {annotation}


def _only_looks_so(value: Any) -> bool:
    unbounded = isinstance(value, float) and not math.isfinite(value)
    return isinstance(value, bool | str) or unbounded
