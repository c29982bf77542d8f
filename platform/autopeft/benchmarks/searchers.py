"""Searchers compared: tables rebuilt from the raw results that ``autopeft bench`` made.

The searches themselves take hours and no machine changes their outcome: they are made once, kept as
parquet in ``tests/data`` and tabulated here in seconds.
"""

import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pandas as pd

from autopeft.benchmarks.tables import Table, Target
from autopeft.metrics import standard_error
from autopeft.simulation import bbob_study, choice_study, recorded_study
from autopeft.simulation.bbob import geometric_mean
from autopeft.simulation.bbob_study import BUDGETS, CONTESTANTS, KEY, PUBLISHED
from autopeft.simulation.raw_results import read_table

OURS, RIVAL = "nelder-mead", "cmaes, population 10"
MADE_BY = "autopeft bench searchers --raw"
AIACCEL = "aiaccel, NM with TPE filler (published)"


def bbob(raw: Path) -> Table:
    """Return geometric mean gaps by budget and searcher, and whether ours beats aiaccel's."""
    rows = read_table(raw, made_by=MADE_BY)
    means = bbob_study.geometric_means(rows)
    names = [name for name in CONTESTANTS if any(name in row for row in means.values())]
    instances = {b.name: f"{b.instances.start}–{b.instances.stop - 1}" for b in BUDGETS}
    cells = [
        (
            f"{budget}; {instances[budget]}",
            *(_gap(row.get(name), best=min(row.values())) for name in names),
            f"{PUBLISHED[budget]:.2g}",
        )
        for budget, row in means.items()
    ]
    targets = [
        Target(f"{budget}: {OURS} / {AIACCEL}", row[OURS] / PUBLISHED[budget], at_most=1.0)
        for budget, row in means.items()
    ]
    rival = bbob_study.spread(rows, OURS, RIVAL)
    notes = [
        f"{budget}: {OURS} / {RIVAL} {factor} (95 % interval, bootstrap over functions)"
        for budget, factor in rival.items()
    ]
    notes += [_better(rows), *_on_fewer(rows)]
    columns = ("10 workers; instances", *names, AIACCEL)
    return Table("bbob", "Searchers on BBOB, geometric mean gap", columns, cells, targets, notes)


def choice(raw: Path) -> Table:
    """Return who is best by space, workers and budget; bold is what ``auto`` takes."""
    found = choice_study.summary(read_table(raw, made_by="autopeft bench choice --raw"))
    behind = [name for name, row in found.items() if choice_study.is_behind(row)]
    notes = [f"another is better, by more than noise: {name}" for name in behind]
    return Table(
        "choice",
        "What auto takes, by space, workers and budget",
        ("space, workers, budget", *next(iter(found.values()))),
        [(name, *row.values()) for name, row in found.items()],
        notes=notes or ["on no row is another better by more than noise"],
    )


def recorded(raw: Path) -> Table:
    """Return regrets on the recorded curves by searcher, scheduler, trials and time."""
    rows = read_table(raw, made_by=MADE_BY)
    regrets, test = recorded_study.regrets(rows), recorded_study.test_accuracies(rows)
    cells = [(*name, *row.values(), *test[name].values()) for name, row in regrets.items()]
    ats = next(iter(regrets.values()))
    columns = ("searcher", "scheduler", *ats, "test accuracy at the end")
    repetitions = rows["repetition"].nunique()
    notes = (
        f"{repetitions} searches each, {recorded_study.WORKERS} workers; ± is 95 %",
        _readable(rows),
    )
    return Table(
        "recorded",
        "Searchers and schedulers on recorded curves, regret in accuracy",
        columns,
        cells,
        notes=notes,
    )


def _readable(rows: pd.DataFrame) -> str:
    """Return how far apart two test accuracies must be to mean something."""
    clips, accuracy = recorded_study.clips_of_the_test(), float(rows["test"].mean())
    error = standard_error(accuracy, clips)
    return (
        f"test accuracy is a share of {clips} clips: its standard error is {error:.3f}, so a "
        f"difference below {2 * error:.2f} between two configurations cannot be read"
    )


def _gap(gap: float | None, *, best: float) -> str:
    if gap is None:
        return "–"
    return f"**{gap:.2g}**" if math.isclose(gap, best) else f"{gap:.2g}"


def _on_fewer(rows: pd.DataFrame) -> Iterator[str]:
    """Yield how ours did on the instances of a searcher that is too slow for all of them."""
    for searcher, budget in product(bbob_study.SLOW, BUDGETS):
        theirs = rows[(rows["searcher"] == searcher) & (rows["budget"] == budget.name)]
        ours = rows[
            (rows["searcher"] == OURS)
            & (rows["budget"] == budget.name)
            & rows["instance"].isin(theirs["instance"])
        ]
        if len(theirs):
            gap, count = geometric_mean(ours["gap"].tolist()), theirs["instance"].nunique()
            yield (
                f"{searcher} is slow and ran on {count} instances of {budget.name} only; on the "
                f"same ones {OURS} has {gap:.2g}"
            )


def _better(rows: pd.DataFrame) -> str:
    """Return on how many functions which of the two is better: means hide where one loses."""
    gaps = rows.pivot_table(index=list(KEY[:3]), columns="searcher", values="gap")
    wins = int((gaps[OURS] < gaps[RIVAL]).sum())
    lost = (gaps[OURS] > gaps[RIVAL]).groupby("function").mean()
    worst = ", ".join(f"f{f}" for f in lost[lost > 0.5].index)
    return (
        f"{OURS} is better than {RIVAL} in {wins} of {len(gaps)} runs; it loses mostly on {worst}"
    )
