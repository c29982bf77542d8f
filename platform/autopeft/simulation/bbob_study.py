"""Searchers compared on BBOB, ten workers in synchronous rounds: raw gaps to parquet, then a table.

The protocol is aiaccel's benchmark (facts in docs/reference/benchmarks.md): seed = instance, the
best of all evaluations minus the optimum, geometric means over functions and instances. Defaults
were tuned on instances 16 to 23; what is reported runs on 1 to 15.
"""

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from autopeft.searchers import Setting, make_searcher
from autopeft.simulation.bbob import FUNCTIONS, Bbob, geometric_mean
from autopeft.simulation.simulator import Simulation
from autopeft.spec.searcher import (
    AutoSearcher,
    CmaesSearcher,
    GpSearcher,
    NelderMeadSearcher,
    QmcSearcher,
    RandomSearcher,
    SearcherRecord,
    TpeSearcher,
)

WORKERS = 10
KEY = ("budget", "function", "instance", "searcher")
COLUMNS = (*KEY, "gap", "seconds")


@dataclass(frozen=True, slots=True)
class Budget:
    """A row of the table: ``rounds_per_dimension * dimension`` rounds of ten."""

    name: str
    dimension: int
    rounds_per_dimension: int
    instances: range

    @property
    def trials(self) -> int:
        """How many evaluations that makes."""
        return WORKERS * self.rounds_per_dimension * self.dimension


BUDGETS = (
    Budget("20 D rounds, D = 2", 2, 20, range(1, 6)),
    Budget("20 D rounds, D = 3", 3, 20, range(1, 4)),
    Budget("5 D rounds, D = 2", 2, 5, range(1, 16)),
    Budget("5 D rounds, D = 3", 3, 5, range(1, 16)),
    Budget("5 D rounds, D = 5", 5, 5, range(1, 6)),
)
CONTESTANTS: Mapping[str, SearcherRecord] = {
    "random": RandomSearcher(),
    "qmc": QmcSearcher(),
    "tpe": TpeSearcher(),
    "gp": GpSearcher(),
    "cmaes, population 10": CmaesSearcher(population=WORKERS),
    "nelder-mead": NelderMeadSearcher(),
    "nelder-mead without model": NelderMeadSearcher(model_share=0),
    "nelder-mead without model, TPE filler": NelderMeadSearcher(model_share=0, filler="tpe"),
    "nelder-mead serial": NelderMeadSearcher(parallel=False, initial="random", restarts=False),
    "auto": AutoSearcher(),
}
# A Gaussian process takes a tenth of a second per point here, and ten times that after 400: it runs
# on the shortest budget, on so many of its instances.
SLOW = {"gp": {"5 D rounds, D = 2": 5}}
# aiaccel's Nelder-Mead with its TPE filler under the same protocol (facts/aiaccel.md, measured
# with Optuna 4.5): not run here.
PUBLISHED = {
    "20 D rounds, D = 2": 0.0097,
    "20 D rounds, D = 3": 0.124,
    "5 D rounds, D = 2": 1.61,
    "5 D rounds, D = 3": 4.89,
    "5 D rounds, D = 5": 12.9,
}

Job = tuple[str, int, int, str]


def jobs(
    budgets: Sequence[str], searchers: Sequence[str], *, most_instances: int | None = None
) -> list[Job]:
    """Return ``(budget, function, instance, searcher)`` for everything to run."""
    return [
        (budget.name, function, instance, searcher)
        for searcher, budget in product(searchers, BUDGETS)
        if budget.name in budgets
        for function, instance in product(FUNCTIONS, _instances(searcher, budget)[:most_instances])
    ]


def _instances(searcher: str, budget: Budget) -> range:
    """Return the instances a searcher runs on: all, but for one that would never finish."""
    if searcher not in SLOW:
        return budget.instances
    return budget.instances[: SLOW[searcher].get(budget.name, 0)]


def run_one(job: Job) -> list[dict[str, object]]:
    """Return the gap a searcher reaches on one function and instance, as one row."""
    budget_name, function, instance, searcher = job
    budget = next(b for b in BUDGETS if b.name == budget_name)
    problem = Bbob(function, budget.dimension, instance)
    setting = Setting(problem.axes, ("min",), seed=instance)
    simulation = Simulation(
        problem,
        make_searcher(CONTESTANTS[searcher], setting),
        workers=1 if searcher == "nelder-mead serial" else WORKERS,
        trials=_paid(searcher, budget),
    )
    began = time.perf_counter()
    gap = min(trial.loss for trial in simulation.run())
    return [dict(zip(COLUMNS, (*job, gap, time.perf_counter() - began), strict=True))]


def _paid(searcher: str, budget: Budget) -> int:
    """Return the evaluations in the budget; a serial search makes one per round, nine idle."""
    return budget.trials // WORKERS if searcher == "nelder-mead serial" else budget.trials


def geometric_means(raw: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the geometric mean gap by budget and searcher, both in the order of the tables."""
    gaps = {name: rows["gap"].tolist() for name, rows in raw.groupby(["budget", "searcher"])}
    return {
        budget.name: {
            searcher: geometric_mean(gaps[budget.name, searcher])
            for searcher in CONTESTANTS
            if (budget.name, searcher) in gaps
        }
        for budget in BUDGETS
        if any(name[0] == budget.name for name in gaps)
    }


def spread(raw: pd.DataFrame, searcher: str, other: str, *, draws: int = 2000) -> dict[str, str]:
    """Return, by budget, the factor between two searchers with a 95 % interval.

    The interval is a bootstrap over the functions: instances of one function are alike.
    """
    found = {}
    for budget, rows in raw.groupby("budget"):
        logs = np.log(
            rows.pivot_table(index=["function", "instance"], columns="searcher", values="gap")
        )
        if searcher not in logs or other not in logs:
            continue
        by_function = (logs[searcher] - logs[other]).groupby("function").mean().to_numpy()
        rng = np.random.default_rng(zlib.crc32(str(budget).encode()))
        means = rng.choice(by_function, (draws, len(by_function))).mean(axis=1)
        low, high = np.exp(np.percentile(means, [2.5, 97.5]))
        found[str(budget)] = f"{np.exp(by_function.mean()):.2g} ({low:.2g}–{high:.2g})"
    return found
