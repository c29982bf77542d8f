"""Warm starts compared: the table rebuilt from the raw results of ``autopeft bench bridge``."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from autopeft.benchmarks.tables import Table, Target
from autopeft.simulation import bridge_study as study
from autopeft.simulation.raw_results import read_table

HALF, NO_WORSE, A_TENTH_MORE = 0.5, 1.0, 1.1


def bridge(raw: Path) -> Table:
    """Return the trials each warm start took, and whether the bridge keeps what was hoped."""
    return trials_table(
        read_table(raw, made_by="autopeft bench bridge --raw"),
        name="bridge",
        title="Warm starts on functions whose optima follow a map, each domain held out in turn",
        regret="0.001",
    )


def trials_table(rows: pd.DataFrame, *, name: str, title: str, regret: str) -> Table:
    """Return the table of raw results of ``autopeft bench bridge``; ``regret`` ends a search."""
    found = study.summary(rows)
    counts = rows.groupby(["table", "domain", "searcher", "start"]).size()
    fewest, most = int(counts.min()), int(counts.max())
    repetitions = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return Table(
        name,
        title,
        ("functions", "domains", "searcher", "start", *next(iter(found.values()))),
        [(*name, *figures.values()) for name, figures in found.items()],
        tuple(_targets(study.shares_of_cold(rows))),
        (
            f"{repetitions} repetition{'s' if most > 1 else ''} of every domain; trials "
            f"until the regret is at most {regret}, {study.MOST_TRIALS} where that is never "
            "reached",
        ),
    )


def _targets(shares: Mapping[study.Row, float]) -> Iterator[Target]:
    for (table, domains, searcher, start), share in shares.items():
        if start != study.BRIDGE:
            continue
        words = f"{table}, {searcher}"
        if domains == study.MISLEADING_ONES:
            claim = f"{words}, misleading domains: trials of bridge / cold"
            yield Target(claim, share, at_most=A_TENTH_MORE)
            continue
        yield Target(f"{words}: trials of bridge / cold", share, at_most=HALF)
        simple = min(shares[table, domains, searcher, other] for other in study.TRANSFERS)
        claim = f"{words}: trials of bridge / best simple transfer"
        yield Target(claim, share / simple, at_most=NO_WORSE)
