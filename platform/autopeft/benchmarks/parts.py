"""The parts of the benchmarks page: how each is measured, or from which raw results it is made."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from autopeft.benchmarks import (
    bridges,
    busy,
    domains,
    driver,
    gpu,
    pauses,
    searchers,
    stalls,
    traffic,
    warm,
    workers,
)
from autopeft.benchmarks.tables import Table

RAW = Path("tests/data")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class How:
    """How to measure.

    Attributes:
        folder: For run folders; empty.
        rounds: How often each side runs.
        quick: A smoke test: as little as shows that it runs.
        say: Told what happens next.
    """

    folder: Path
    rounds: int
    quick: bool
    say: Say


@dataclass(frozen=True, slots=True)
class Part:
    """One or more tables of the page.

    Attributes:
        tables: Measures them, or makes them from raw results.
        needs: The raw results that they are made from; whoever asks for all parts goes without.
    """

    tables: Callable[[How], Iterable[Table]]
    needs: Path | None = None


def _driver(how: How) -> Iterable[Table]:
    trials = 1 if how.quick else 40
    yield driver.measure(how.folder, rounds=how.rounds, trials=trials, reports=1, say=how.say)


def _warm(how: How) -> Iterable[Table]:
    trials = 1 if how.quick else 24
    yield warm.measure(how.folder, rounds=how.rounds, trials=trials, quick=how.quick, say=how.say)


def _tracking(how: How) -> Iterable[Table]:
    reports, per_second = (50, 1000) if how.quick else (1000, 100)
    yield stalls.measure(
        how.folder, rounds=how.rounds, reports=reports, per_second=per_second, say=how.say
    )


def _slots(how: How) -> Iterable[Table]:
    trials, lengths = (4, (50,)) if how.quick else (60, busy.MILLISECONDS)
    yield busy.measure(
        how.folder, rounds=how.rounds, trials=trials, milliseconds=lengths, say=how.say
    )


def _of_raw(table: Callable[[Path], Table], name: str) -> Part:
    raw = RAW / f"{name}_results.parquet"
    return Part(lambda how: [table(raw)], needs=raw)


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "driver": Part(_driver),
        "warm": Part(_warm),
        "tracking": Part(_tracking),
        "slots": Part(_slots),
        "workers": Part(lambda how: [workers.workers(quick=how.quick, say=how.say)]),
        "bbob": _of_raw(searchers.bbob, "bbob"),
        "choice": _of_raw(searchers.choice, "choice"),
        "recorded": _of_raw(searchers.recorded, "recorded"),
        "pauses": Part(lambda how: [pauses.pauses(quick=how.quick, say=how.say)]),
        "bridge": _of_raw(bridges.bridge, "bridge"),
        "domains": Part(
            lambda how: domains.tables(RAW / "peft_domains", RAW / "domains_results.parquet"),
            needs=RAW / "peft_domains",
        ),
        "traffic": _of_raw(traffic.traffic, "traffic"),
        "gpu": Part(lambda how: gpu.tables(RAW), needs=RAW / gpu.METHODS),
    }
)
