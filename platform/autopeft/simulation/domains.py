"""Domains: the same search again and again, each with a cheap proxy and the target itself."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from autopeft.simulation.domain_recording import FACTS, TABLE
from autopeft.simulation.problem import Problem
from autopeft.simulation.raw_results import read_table
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
        target_of: The other domain whose target this is, if it was put together from two.
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
    target_of: str = ""


def recorded_domains(folder: Path, *, proxy: Space, target: Space) -> list[Domain]:
    """Return the domains of a folder that ``autopeft bench domains`` wrote.

    Raises:
        InputError: There is no such recording.
    """
    table = read_table(folder / TABLE, made_by="autopeft bench domains")
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


def misleading(domains: Sequence[Domain], count: int) -> Iterator[Domain]:
    """Yield domains that look like one that was recorded, and are as another one is.

    The proxy and all that is known of the data are of the domain whose optimum loses most on the
    target; of these pairs those that lose most come first.
    """
    pairs = []
    for real in domains:
        looks, lost = max(
            ((other, _lost(real, other)) for other in domains if other is not real),
            key=lambda found: found[1],
        )
        pairs.append((lost, looks, real))
    for _, looks, real in sorted(pairs, key=lambda pair: -pair[0])[:count]:
        yield replace(
            looks,
            name=f"{real.name} that looks like {looks.name}",
            target=real.target,
            best=real.best,
            misleads=True,
            target_of=real.name,
        )


def _lost(real: Domain, other: Domain) -> float:
    """Return what the best configuration of another recorded domain loses here."""
    assert isinstance(other.target, Recorded)
    cube = min(other.target.trials(), key=lambda trial: trial[1])[0]
    return real.target.curve(cube).truth - real.best


def others(domains: Sequence[Domain], held_out: str) -> list[Domain]:
    """Return the domains that may teach.

    Those are all but the one held out, the one whose target it has, and those made to mislead.
    """
    own = {held_out, *(d.target_of for d in domains if d.name == held_out)}
    return [d for d in domains if d.name not in own and not d.misleads]
