"""Domains: the same search again and again, each with a cheap proxy and the target itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autopeft.core.errors import InputError
from autopeft.simulation.problem import Problem
from autopeft.simulation.recorded import Recorded, read_recordings
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
    """Return the domains of a folder: ``DOMAIN.proxy.parquet`` and ``DOMAIN.target.parquet``.

    Each is a table as ``autopeft bench record`` writes it; the target is judged by the mean over
    its seeds.

    Raises:
        InputError: There are none, or a side of one lacks.
    """
    found = list(_recorded(folder, proxy, target))
    if not found:
        raise InputError(f"{folder}: no files DOMAIN.target.parquet beside DOMAIN.proxy.parquet")
    return found


def _recorded(folder: Path, proxy: Space, target: Space) -> Iterator[Domain]:
    for path in sorted(folder.glob("*.target.parquet")):
        name = path.name.removesuffix(".target.parquet")
        beside = path.with_name(f"{name}.proxy.parquet")
        if not beside.is_file():
            raise InputError(f"{beside}: missing; {path.name} needs it beside it")
        real = Recorded(read_recordings(path), target.axes, seed=0)
        cheap = Recorded(read_recordings(beside), proxy.axes, seed=0)
        yield Domain(name, cheap, real, proxy, target, real.best, TOLERANCE)


def others(domains: Sequence[Domain], held_out: str) -> list[Domain]:
    """Return the domains that may teach: all but the one held out and those made to mislead."""
    return [d for d in domains if d.name != held_out and not d.misleads]
