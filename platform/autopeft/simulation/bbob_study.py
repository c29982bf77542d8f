"""Searchers compared on BBOB, ten workers in synchronous rounds: raw gaps to parquet, then a table.

The protocol is aiaccel's benchmark (facts in docs/reference/benchmarks.md): seed = instance, the
best of all evaluations minus the optimum, geometric means over functions and instances. Defaults
were tuned on instances 16 to 30; what is reported runs on 1 to 15.
"""

import multiprocessing
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
from pathlib import Path

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
SAVED_EVERY = 100


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
# A Gaussian process takes up to a second per point; it runs where that ends within minutes.
SLOW = {"gp": ("5 D rounds, D = 2",)}
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
        if budget.name in budgets and budget.name in SLOW.get(searcher, (budget.name,))
        for function, instance in product(FUNCTIONS, budget.instances[:most_instances])
    ]


def run(wanted: Sequence[Job], *, processes: int) -> Iterator[Mapping[str, object]]:
    """Yield one row of raw results after the other, as they come."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for future in as_completed([pool.submit(run_one, job) for job in wanted]):
            yield future.result()


def run_one(job: Job) -> Mapping[str, object]:
    """Return the gap a searcher reaches on one function and instance."""
    budget_name, function, instance, searcher = job
    budget = next(b for b in BUDGETS if b.name == budget_name)
    problem = Bbob(function, budget.dimension, instance)
    setting = Setting(problem.axes, ("min",), seed=instance, trials=budget.trials, workers=WORKERS)
    simulation = Simulation(
        problem,
        make_searcher(CONTESTANTS[searcher], setting),
        workers=1 if searcher == "nelder-mead serial" else WORKERS,
        trials=_paid(searcher, budget),
    )
    began = time.perf_counter()
    gap = min(trial.loss for trial in simulation.run())
    return dict(zip(COLUMNS, (*job, gap, time.perf_counter() - began), strict=True))


def _paid(searcher: str, budget: Budget) -> int:
    """Return the evaluations in the budget; a serial search makes one per round, nine idle."""
    return budget.trials // WORKERS if searcher == "nelder-mead serial" else budget.trials


def results(
    wanted: Sequence[Job],
    *,
    raw: Path | None,
    processes: int,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """Return the raw results of the jobs: from ``raw`` what it holds, the others run and added."""
    done = pd.read_parquet(raw) if raw is not None and raw.exists() else pd.DataFrame()
    held = set(done[list(KEY)].itertuples(index=False, name=None)) if len(done) else set()
    missing = [job for job in wanted if job not in held]
    rows: list[Mapping[str, object]] = []
    for row in run(missing, processes=processes):
        rows.append(row)
        progress(len(wanted) - len(missing) + len(rows), len(wanted))
        if raw is not None and len(rows) % SAVED_EVERY == 0:
            _save(raw, done, rows)
    table = _save(raw, done, rows) if rows else done
    asked = set(wanted)
    return table[[job in asked for job in table[list(KEY)].itertuples(index=False, name=None)]]


def _save(
    raw: Path | None, done: pd.DataFrame, rows: Sequence[Mapping[str, object]]
) -> pd.DataFrame:
    """Return all results; written as a whole file, so that none is torn."""
    table = pd.concat([done, pd.DataFrame(rows, columns=list(COLUMNS))], ignore_index=True)
    if raw is not None:
        temporary = raw.with_suffix(".new")
        table.to_parquet(temporary, index=False)
        temporary.replace(raw)
    return table


def geometric_means(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the geometric mean gap by budget (rows) and searcher (columns), runs shared."""
    means = raw.groupby(["budget", "searcher"])["gap"].apply(lambda g: geometric_mean(g.to_list()))
    table = means.unstack("searcher")
    names = [name for name in CONTESTANTS if name in table.columns]
    return table.reindex(index=[b.name for b in BUDGETS if b.name in table.index], columns=names)


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
