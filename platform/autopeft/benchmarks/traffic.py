"""Traffic fitted cold and from a bridge: the table rebuilt from ``autopeft bench traffic``."""

from pathlib import Path
from statistics import median

import pandas as pd

from autopeft.benchmarks.tables import Table
from autopeft.simulation import traffic_study as study
from autopeft.simulation.raw_results import read_table


def traffic(raw: Path) -> Table:
    """Return what the days held out took, and when the learning was paid back."""
    rows = read_table(raw, made_by="autopeft bench traffic --raw")
    found = study.summary(rows)
    return Table(
        "traffic",
        "Traffic fitted to detectors, each day held out in turn",
        ("until", *next(iter(found.values()))),
        [(name, *figures.values()) for name, figures in found.items()],
        notes=(*_errors(rows), _learning(rows), _simulations(rows)),
    )


def _errors(rows: pd.DataFrame) -> tuple[str, ...]:
    cold = rows[rows["search"] == study.COLD].groupby(["day", "repetition"])["error"]
    bridged = rows[rows["search"] == study.BRIDGE].groupby(["day", "repetition"])["error"]
    return (
        f"errors, medians over the days: {bridged.first().median():.3f} at the bridge's first "
        f"trial, {bridged.min().median():.3f} after all {study.TRIALS[study.BRIDGE]}; cold "
        f"{cold.first().median():.3f} at the first, {cold.min().median():.3f} after all "
        f"{study.TRIALS[study.COLD]}",
    )


def _learning(rows: pd.DataFrame) -> str:
    learning = float(study.learning_seconds(rows).mean())
    costs = study.one_shot_costs(rows)
    saved = [c.cold_seconds - c.bridge_seconds - c.proxy_seconds for c in costs]
    spared = sum(saved) / len(saved)
    paid = f"paid back after {learning / spared:.0f} days" if spared > 0 else "never paid back"
    return (
        f"learning, not in the table: {learning:.0f} CPU s for the pairs of all days, {paid} "
        f"(a day held out spares {spared:.1f} s, its proxy paid)"
    )


def _simulations(rows: pd.DataFrame) -> str:
    micro = rows[rows["search"] == study.COLD]
    meso = rows[rows["search"] == study.PROXY]
    each = [
        median(r["seconds"].max() / len(r) for _, r in side.groupby(["day", "repetition"]))
        for side in (micro, meso)
    ]
    return f"a simulation took {each[0]:.2f} CPU s microscopic, {each[1]:.3f} mesoscopic (medians)"
