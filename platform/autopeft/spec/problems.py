"""pydantic's complaints, put in the user's words."""

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from autopeft.core.choices import known_words

Path = tuple[str | int, ...]

# Keys that belong somewhere else, and where.
ELSEWHERE = {
    "learning_rate": "belongs to the method, since each method has its own range; "
    "write it under method",
    "lr": "write learning_rate, under method",
    "alpha": "write alpha_over_rank (alpha divided by rank), so that rank and scaling "
    "are searched apart",
    "r": "write rank",
    "n_trials": "write search.trials (a total)",
    "num_samples": "write search.trials (a total)",
    "max_t": "write training.steps",
}

# pydantic's type of error -> what would be right.
RIGHT = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text (in quotes, if it looks like a number)",
    "tuple_type": "a list",
    "list_type": "a list",
    "too_short": "at least one entry",
    "string_too_short": "at least one letter",
    "string_pattern_mismatch": "letters, digits, '.', '_' and '-', the first a letter or digit,",
}


def dotted(path: Path) -> str:
    """Return a path as it is written: ``method.any_of[0].rank``.

    Example:
        >>> dotted(("method", "any_of", 0, "rank"))
        'method.any_of[0].rank'
    """
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def complaints(error: ValidationError, record: type[BaseModel]) -> Iterator[tuple[Path, str]]:
    """Yield ``(path, message)`` for every error, the union tags taken out of the path."""
    for detail in error.errors(include_url=False):
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # pydantic counts right entries only; the wrong ones complain themselves
        path, owner = _walk(record, detail["loc"])
        field = detail.get("ctx", {}).get("field")  # a check of the whole that names its part
        yield (path if field is None else (*path, str(field))), _message(detail, path, owner)


def _walk(record: type[BaseModel], loc: Path) -> tuple[Path, type[BaseModel] | None]:
    """Follow pydantic's ``loc`` through the records; return the user's path and the last record."""
    owner: type[BaseModel] | None = record
    members: dict[str, type[BaseModel]] = {}
    path: list[str | int] = []
    for step in loc:
        if step in members:  # the tag of a discriminated union: not something the user wrote
            owner, members = members[str(step)], {}
            continue
        path.append(step)
        if owner is not None and step in owner.model_fields:
            found = list(records_in(owner.model_fields[str(step)].annotation))
            if len(found) == 1:
                owner, members = found[0], {}
            elif found:
                members = {str(r.model_fields["kind"].default): r for r in found}
    return tuple(path), owner


def records_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the records that an annotation names, those of a union one by one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, tuple, list, dict):
        for argument in get_args(annotation):
            yield from records_in(argument)


def _message(detail: ErrorDetails, path: Path, owner: type[BaseModel] | None) -> str:
    found, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return unknown_key(str(path[-1]), sorted(owner.model_fields) if owner else [])
        case "missing":
            return "missing; write a value"
        case "union_tag_invalid":
            tag = str(context["tag"])
            return f"no {_word(path)} named {tag!r}{known_words(tag, _quoted(context))}"
        case "union_tag_not_found":
            return "no kind given; write kind: …"
        case "invalid_key":
            return f"the key {path[-1]!r} is not a word"
        case "value_error":
            return str(context["error"])
        case "outside_parts":
            return str(detail["msg"])
    if isinstance(found, dict) and {"one_of", "low", "high"} & found.keys():
        return (
            "a distribution stands here; distributions stand only in task, model, method and "
            "training (never in steps, the fidelity): write one value"
        )
    match detail["type"]:
        case "literal_error":
            return f"found {found!r}{known_words(str(found), _quoted(context))}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"found {found!r}, a mapping (key: value) would be right"
    return f"found {found!r}, {_right(detail, context)} would be right"


def unknown_key(key: str, known: list[str]) -> str:
    """Return what to say of a key that nobody knows here.

    Example:
        >>> unknown_key("trails", ["trials", "hours"])
        "unknown key 'trails'; did you mean 'trials'? known: trials, hours"
    """
    if key in ELSEWHERE:
        return f"unknown key {key!r} here: {ELSEWHERE[key]}"
    return f"unknown key {key!r}{known_words(key, known)}"


def _word(path: Path) -> str:
    """Return what a kind is a kind of: the last word of the path, in the singular."""
    words = [str(step) for step in path if isinstance(step, str)]
    return {"any_of": "method", "parts": "method"}.get(words[-1], words[-1]) if words else "kind"


def _quoted(context: Mapping[str, Any]) -> list[str]:
    """Return the words that pydantic expected, which it hands over in one sentence."""
    return re.findall(r"'([^']*)'", str(context.get("expected_tags", context.get("expected", ""))))


def _right(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    match detail["type"]:
        case "greater_than_equal":
            return f"at least {context['ge']:g}"
        case "greater_than":
            return f"a number above {context['gt']:g}"
        case "less_than_equal":
            return f"at most {context['le']:g}"
        case "less_than":
            return f"a number below {context['lt']:g}"
    return RIGHT.get(
        detail["type"], detail["msg"].removeprefix("Input should be ").removeprefix("Input ")
    )
