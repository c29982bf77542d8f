"""The functions that a search may call: named by installed packages, or allowed by the user."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from autopeft.core.choices import Choices, known_words
from autopeft.core.errors import InputError

# Packages add theirs through the entry-point group ``autopeft.objectives``.
OBJECTIVES = Choices(
    "objective",
    "objectives",
    {
        "branin": "autopeft.simulation.functions:branin",
        "family-proxy": "autopeft.simulation.function_family:family_proxy",
        "family-target": "autopeft.simulation.function_family:family_target",
        "traffic-meso": "autopeft.traffic.objectives:meso",
        "traffic-micro": "autopeft.traffic.objectives:micro",
    },
)


def is_registered(entry_point: str) -> bool:
    """Whether an installed package offers this as an objective, by its name or its place.

    Example:
        >>> is_registered("branin"), is_registered("os:system")
        (True, False)
    """
    return entry_point in OBJECTIVES or entry_point in OBJECTIVES.values()


def load_objective(entry_point: str) -> Callable[..., Any]:
    """Import and return a function; whether that is allowed has been asked before.

    Raises:
        InputError: There is none; the text says what is missing.
    """
    place = OBJECTIVES.get(entry_point, entry_point)
    module, colon, name = place.partition(":")
    if not colon:
        words = known_words(entry_point, sorted(OBJECTIVES))
        raise InputError(f"task.entry_point: no objective named {entry_point!r}{words}")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"task.entry_point: {place} cannot be had: {error}; install the package it is in, or "
            "put its folder on PYTHONPATH"
        ) from error
    if not callable(found):
        raise InputError(f"task.entry_point: {place} is a {type(found).__name__}, no function")
    return found  # type: ignore[no-any-return]
