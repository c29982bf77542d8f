"""Domains: the same search again and again, each with a cheap proxy and the target itself."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from autopeft.core.errors import InputError
from autopeft.simulation.domain_recording import FACTS, TABLE
from autopeft.simulation.problem import Problem
from autopeft.simulation.recorded import Recorded, recordings_of
from autopeft.spec.space import Space

TOLERANCE = 0.01  # in accuracy


@dataclass(frozen=True, slots=True)
class Domain:
    """One data set, or one situation, with everything that can be searched on it.

    Attributes:
        name: What to call it.
        proxy: The cheap model.
        target: The real thing.
        proxy_space: What is searched of the proxy.
        target_space: What is searched of the target.
        best: The least loss of the target.
        tolerance: The regret at which a search has got there.
        misleads: Whether it was made not to follow what the others teach.
        data: What is known of the data, in numbers.
    """

    name: str
    proxy: Problem
    target: Problem
    proxy_space: Space
    target_space: Space
    best: float
    tolerance: float
    misleads: bool = False
    data: Mapping[str, float] = field(default_factory=dict)


def recorded_domains(folder: Path, *, proxy: Space, target: Space) -> list[Domain]:
    """Return the domains of a folder that ``autopeft bench domains`` wrote.

    Raises:
        InputError: There is no such recording.
    """
    if not (folder / TABLE).is_file():
        raise InputError(f"{folder / TABLE}: no such file; `autopeft bench domains` makes one")
    table = pd.read_parquet(folder / TABLE)
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return [_recorded(name, rows, facts, proxy, target) for name, rows in _by_scenario(table)]


def _by_scenario(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for name, rows in table.groupby("scenario", sort=False):
        yield str(name), rows


def _recorded(
    name: str, rows: pd.DataFrame, facts: Mapping[str, Any], proxy: Space, target: Space
) -> Domain:
    cheap, real = (
        Recorded(recordings_of(rows[rows["side"] == side]), space.axes, seed=0)
        for side, space in (("proxy", proxy), ("target", target))
    )
    known = facts[name]["known"]
    return Domain(name, cheap, real, proxy, target, real.best, TOLERANCE, data=known)


def others(domains: Sequence[Domain], held_out: str) -> list[Domain]:
    """Return the domains that may teach: all but the one held out and those made to mislead."""
    return [d for d in domains if d.name != held_out and not d.misleads]
