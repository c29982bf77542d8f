"""pydantic's complaints, put in the user's words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from autopeft.core.choices import known_words
from autopeft.spec.distribution import is_searchable
from autopeft.spec.record import NoNumber

Path = tuple[str | int, ...]
Complaint = tuple[Path, str]

UNKNOWN_KEY = "unknown key"

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

# The errors of a field that holds one value, and not a mapping or a list.
SCALAR = ("int_type", "float_type", "bool_type", "string_type", "literal_error")
LONGEST_SHOWN = 80

# How others write a distribution, and how we do.
RANGE = dict.fromkeys(
    ("min", "max", "minimum", "maximum", "lower", "upper", "start", "stop", "log", "step"),
    "a range is written {low: …, high: …}",
)
CHOICE = dict.fromkeys(
    ("any_of", "oneof", "choice", "choices", "values", "options", "categorical", "grid_search"),
    "a choice is written {one_of: […]}",
)

# pydantic's type of error -> what would be right.
RIGHT = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
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
        path, owner, kinds = _walk(record, detail["loc"])
        field = detail.get("ctx", {}).get("field")  # a check of the whole that names its part
        yield (path if field is None else (*path, str(field))), _message(detail, path, owner, kinds)


def _walk(
    record: type[BaseModel], loc: Path
) -> tuple[Path, type[BaseModel] | None, tuple[str, ...]]:
    """Follow pydantic's ``loc`` through the records.

    Returns:
        The user's path, the last record, and the kinds of what stands there, if it has several.
    """
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
    return tuple(path), owner, tuple(members)


def records_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the records that an annotation names, those of a union one by one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, tuple, list, dict):
        for argument in get_args(annotation):
            yield from records_in(argument)


def shown(value: object) -> str:
    """Return a value as it stands in the file, a long one shortened.

    Example:
        >>> shown(True), shown(None), shown("many")
        ('true', 'null', "'many'")
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "null" if value is None else repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _message(
    detail: ErrorDetails, path: Path, owner: type[BaseModel] | None, kinds: Sequence[str]
) -> str:
    found, context = detail["input"], detail.get("ctx", {})
    if isinstance(found, NoNumber) and detail["type"] in RIGHT:
        return _no_number(found.value, RIGHT[detail["type"]], path)
    match detail["type"]:
        case "extra_forbidden":
            return unknown_key(str(path[-1]), sorted(owner.model_fields) if owner else [])
        case "missing":
            return "missing; write a value"
        case "union_tag_invalid":
            return f"no {_word(path)} named {_or_known(found['kind'], context)}"
        case "union_tag_not_found":
            return "no kind given; write kind: …"
        case "invalid_key":
            return f"the key {path[-1]!r} is not a word; write it in quotes"
        case "value_error":
            return str(context["error"])
        case "about_a_field":
            return str(detail["msg"])
        case "model_type" | "model_attributes_type" | "dict_type":
            return no_mapping(found, kinds)
    if detail["type"] in SCALAR and (instead := _instead(found, path)):
        return instead
    if detail["type"] == "literal_error":
        return f"found {_or_known(found, context)}"
    return f"found {shown(found)}, {_right(detail, context)} would be right"


def no_mapping(found: Any, kinds: Sequence[str] = ()) -> str:
    """Return what to say of a value in the place of a mapping, perhaps one with a ``kind``.

    Example:
        >>> no_mapping("tpe", ["tpe", "gp"])
        "found 'tpe'; write {kind: tpe}"
        >>> no_mapping("tppe", ["tpe", "gp"])
        "found 'tppe'; did you mean {kind: tpe}? known: tpe, gp"
        >>> no_mapping(3, ["tpe", "gp"])
        'found 3, a mapping (key: value) would be right'
    """
    if not kinds or not isinstance(found, str):
        return f"found {shown(found)}, a mapping (key: value) would be right"
    if found in kinds:
        return f"found {shown(found)}; write {{kind: {found}}}"
    near = get_close_matches(found, kinds, n=1)
    meant = f"did you mean {{kind: {near[0]}}}?" if near else "write {kind: …};"
    return f"found {shown(found)}; {meant} known: {', '.join(kinds)}"


def _no_number(found: bool | str | float, right: str, path: Path) -> str:
    """Return what to say of a value that YAML does not have as a number."""
    if isinstance(found, float):
        return f"found {found}, a finite number would be right"
    slip = isinstance(found, str) and found != "search" and get_close_matches(found, ["search"])
    if slip and is_searchable(path):
        return f"found {shown(found)}, {right} would be right; did you mean search?"
    quoted = isinstance(found, str) and found.strip().lstrip("+-").replace(".", "", 1).isdigit()
    return f"found {shown(found)}, {right} would be right{' (without quotes)' if quoted else ''}"


def _instead(found: Any, path: Path) -> str:
    """Return how to write what was perhaps meant by a mapping or list in the place of a value."""
    keys = found.keys() if isinstance(found, dict) else ()
    foreign = next((words[key] for words in (RANGE, CHOICE) for key in keys if key in words), "")
    if foreign and is_searchable(path):
        return f"found {shown(found)}; {foreign}"
    if foreign or {"one_of", "low", "high"} & set(keys):
        return (
            "a distribution stands here; distributions stand only in task, model, method and "
            "training (never in steps, the fidelity): write one value"
        )
    if not isinstance(found, list) or not is_searchable(path):
        return ""
    words = ", ".join(str(item) for item in found)
    together = f", to take them all {'+'.join(map(str, found))}" if path[-1] == "roles" else ""
    return f"found a list; to search among its entries write {{one_of: [{words}]}}{together}"


def unknown_key(key: str, known: list[str]) -> str:
    """Return what to say of a key that nobody knows here.

    Example:
        >>> unknown_key("trails", ["trials", "hours"])
        "unknown key 'trails'; did you mean 'trials'? known: trials, hours"
    """
    if key in ELSEWHERE:
        return f"{UNKNOWN_KEY} {key!r} here: {ELSEWHERE[key]}"
    return f"{UNKNOWN_KEY} {key!r}{known_words(key, known)}"


def _word(path: Path) -> str:
    """Return what a kind is a kind of: the last word of the path, in the singular."""
    words = [str(step) for step in path if isinstance(step, str)]
    return {"any_of": "method", "parts": "method"}.get(words[-1], words[-1]) if words else "kind"


def _or_known(found: Any, context: Mapping[str, Any]) -> str:
    known = _quoted(context)
    return f"{shown(found)}{known_words(found if isinstance(found, str) else '', known)}"


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
        case "string_too_long":
            return f"at most {context['max_length']} characters"
        case "string_type" if isinstance(detail["input"], bool):
            return "text (in quotes, since YAML reads yes, no, on and off as true and false)"
    return RIGHT.get(
        detail["type"], detail["msg"].removeprefix("Input should be ").removeprefix("Input ")
    )
