"""Warm starts compared, each domain held out in turn: trials until the regret is small.

All other domains were tuned before, proxy and target alike; what they teach opens the search of the
target held out. A bridge also sees the proxy of the domain held out, tuned first. Searches in which
it stood aside (no signal) are counted apart, and so are domains made to mislead.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autopeft.bridge import WARM_STARTS
from autopeft.bridge.model_file import BridgeModel, fit
from autopeft.bridge.pairs import Seen, Sides, pair_of, seen_by
from autopeft.bridge.past import PastRun, run_of
from autopeft.bridge.prediction import opening_by
from autopeft.core.seeds import derive_seed
from autopeft.searchers import Setting, make_searcher, opened
from autopeft.simulation.domains import Domain, misleading, others, recorded_domains
from autopeft.simulation.function_family import FUNCTIONS, family
from autopeft.simulation.problem import Problem
from autopeft.simulation.recorded import Recorded
from autopeft.simulation.simulator import Simulation
from autopeft.spec.load import load_sweep
from autopeft.spec.searcher import NelderMeadSearcher, SearcherRecord, TpeSearcher
from autopeft.spec.space import Space
from autopeft.spec.warm_start import (
    BestOfHistory,
    BoundingBox,
    Bridge,
    Opening,
    Quantiles,
    RunsWarmStart,
    ZeroShotPortfolio,
)

SEARCHERS: Mapping[str, SearcherRecord] = {
    "nelder-mead": NelderMeadSearcher(),
    "tpe": TpeSearcher(),
}
_ALL = ("all others",)  # in the place of run folders: here runs are handed over
TRANSFERS: Mapping[str, RunsWarmStart] = {
    "best_of_history": BestOfHistory(runs=_ALL),
    "quantiles": Quantiles(runs=_ALL),
    "bounding_box": BoundingBox(runs=_ALL),
    "zero_shot": ZeroShotPortfolio(runs=_ALL),
}
COLD, BRIDGE = "cold", "bridge"
STARTS = (COLD, BRIDGE, *TRANSFERS)
TABLES = tuple(FUNCTIONS)
BRIDGE_POINTS = Bridge(model="").points
PROXY_TRIALS, TARGET_TRIALS = 40, 60
MOST_TRIALS = 60
DOMAINS, MISLEADING = 8, 3
ONE_MISLEADS_IN = 3  # of recorded domains
# How far the targets lie off the map, in the unit cube.
JITTER = 0.02
KEY = ("table", "domain", "start", "searcher", "repetition")
Job = tuple[str, str, str, str, int]


@cache
def domains_of(table: str, repetition: int = 0) -> Sequence[Domain]:
    """Return a table's domains: a function's family by its name, else a folder of recordings.

    Every repetition has a family of its own: other optima, angles and jitter. Recordings are what
    they are; some are put together from two of them, to mislead.

    Such a folder holds what ``recorded_domains`` reads, and the search files of both sides as
    ``proxy.yaml`` and ``target.yaml``.

    Raises:
        InputError: There is no such table, or a part of it lacks.
    """
    if table in FUNCTIONS:
        numbers = {"domains": DOMAINS, "misleading": MISLEADING, "seed": repetition}
        return family(table, jitter=JITTER, **numbers)
    return _recordings(Path(table))


@cache
def _recordings(folder: Path) -> Sequence[Domain]:
    spaces = {side: load_sweep(folder / f"{side}.yaml").space for side in ("proxy", "target")}
    found = recorded_domains(folder, **spaces)
    return [*found, *misleading(found, len(found) // ONE_MISLEADS_IN)]


def jobs(names: Sequence[str], starts: Sequence[str], *, repetitions: int) -> list[Job]:
    """Return ``(table, domain, start, searcher, repetition)`` for everything to run."""
    return [
        (table, domain.name, start, searcher, repetition)
        for table in names
        for domain in domains_of(table)
        for repetition, start, searcher in product(range(repetitions), starts, SEARCHERS)
    ]


def run_one(job: Job) -> list[dict[str, Any]]:
    """Return how one search of one domain held out went, as one row."""
    table, held_out, start, searcher, repetition = job
    domain = _domain(table, held_out, repetition)
    seed = derive_seed(repetition, table, held_out)
    opening, stood_aside = _opening(table, held_out, start, repetition)
    found = trials_until(domain, SEARCHERS[searcher], opening, seed=seed)
    return [
        {
            **dict(zip(KEY, job, strict=True)),
            "misleads": domain.misleads,
            "stood_aside": stood_aside,
            **found,
        }
    ]


def trials_until(
    domain: Domain, searcher: SearcherRecord, opening: Opening | None, *, seed: int
) -> dict[str, Any]:
    """Return after how many trials the regret is small, one after the other; and the first regret.

    A search that does not get there counts ``MOST_TRIALS`` and has not ``reached``.
    """
    setting = Setting(domain.target_space.axes, ("min",), seed=seed)
    if opening is not None:
        setting = opened(setting, opening)
    simulation = Simulation(
        domain.target, make_searcher(searcher, setting), trials=MOST_TRIALS, seed=seed
    )
    reached = False
    while not reached and simulation.play():
        latest = simulation.finished[-1:]
        reached = any(trial.truth - domain.best <= domain.tolerance for trial in latest)
    return {
        "trials": len(simulation.finished) if reached else MOST_TRIALS,
        "reached": reached,
        "first_regret": simulation.finished[0].truth - domain.best,
    }


@cache
def _opening(table: str, held_out: str, start: str, repetition: int) -> tuple[Opening | None, bool]:
    """Return what a search begins with, and whether a bridge stood aside."""
    if start == COLD:
        return None, False
    seed = derive_seed(repetition, start, held_out)
    if start == BRIDGE:
        model, seen = bridge_of(table, held_out, repetition)
        proxy = _tuned(table, held_out, "proxy", _past(table, repetition))
        opening = opening_by(model, seen, proxy, points=BRIDGE_POINTS, seed=seed)
        return opening, not model.has_signal
    runs = past_targets(table, held_out, repetition)
    axes = _domain(table, held_out, repetition).target_space.axes
    found: Opening = WARM_STARTS.load(start)(TRANSFERS[start], runs, axes, seed=seed)
    return found, False


def bridge_of(table: str, held_out: str, repetition: int) -> tuple[BridgeModel, Seen]:
    """Return the bridge that the other domains teach, and what it sees of the one held out."""
    domain = _domain(table, held_out, repetition)
    model = _bridge(table, _teachers(table, held_out, repetition), _past(table, repetition))
    proxy = _tuned(table, held_out, "proxy", _past(table, repetition))
    return model, seen_by(proxy, domain.proxy_space.axes, domain.data)


def past_targets(table: str, held_out: str, repetition: int) -> list[PastRun]:
    """Return the past runs of the other domains' targets."""
    teachers = _teachers(table, held_out, repetition)
    return [_tuned(table, name, "target", _past(table, repetition)) for name in teachers]


def _teachers(table: str, held_out: str, repetition: int) -> tuple[str, ...]:
    return tuple(d.name for d in others(domains_of(table, repetition), held_out))


def _past(table: str, repetition: int) -> int:
    """Return whose past a repetition has: its own; of recordings there is only one."""
    return repetition if table in FUNCTIONS else 0


@cache
def _bridge(table: str, teachers: tuple[str, ...], repetition: int) -> BridgeModel:
    """Return the bridge fitted to so many domains."""
    domains = [_domain(table, name, repetition) for name in teachers]
    sides = [
        Sides(
            domain.name,
            _tuned(table, domain.name, "proxy", repetition),
            _tuned(table, domain.name, "target", repetition),
            domain.data,
        )
        for domain in domains
    ]
    return taught(table, sides, proxy=domains[0].proxy_space, target=domains[0].target_space)


def taught(name: str, sides: Sequence[Sides], *, proxy: Space, target: Space) -> BridgeModel:
    """Return the bridge that scenarios teach of which both sides were tuned."""
    pairs = [pair for side in sides if (pair := pair_of(side, proxy.axes)) is not None]
    runs = [
        (side.proxy, side.target)
        for side in sides
        if side.proxy is not None and side.target is not None
    ]
    assert len(pairs) == len(runs) == len(sides), "both sides of every scenario were tuned"
    return fit(
        name,
        tuple(pairs),
        proxy=proxy,
        target=target,
        objective=("loss", "min"),
        runs=runs,
    )


@cache
def _tuned(table: str, name: str, side: str, repetition: int) -> PastRun:
    """Return a side of a domain as an earlier sweep left it.

    Functions were tuned by Nelder-Mead; of recordings every configuration is known.
    """
    domain = _domain(table, name, repetition)
    problem: Problem = domain.proxy if side == "proxy" else domain.target
    if isinstance(problem, Recorded):
        return run_of(name, problem.trials())
    seed = derive_seed(repetition, table, name, side)
    searcher = make_searcher(NelderMeadSearcher(), Setting(problem.axes, ("min",), seed=seed))
    trials = PROXY_TRIALS if side == "proxy" else TARGET_TRIALS
    finished = Simulation(problem, searcher, trials=trials, seed=seed).run()
    return run_of(name, [(trial.cube, trial.loss) for trial in finished])


def _domain(table: str, name: str, repetition: int) -> Domain:
    return next(domain for domain in domains_of(table, repetition) if domain.name == name)


Row = tuple[str, str, str, str]
ASIDE = f"{BRIDGE}, stood aside"
ORDER = (COLD, BRIDGE, ASIDE, *TRANSFERS)
REGULAR, MISLEADING_ONES = "regular", "misleading"


def grouped(raw: pd.DataFrame) -> dict[Row, pd.DataFrame]:
    """Return the searches by table, kind of domain, searcher and start, in the order of a page.

    Starts are in the order of ``ORDER``; a bridge that stood aside is a start of its own.
    """
    rows = raw.assign(
        domains=np.where(raw["misleads"], MISLEADING_ONES, REGULAR),
        start=np.where(raw["stood_aside"], ASIDE, raw["start"]),
    )
    found = dict(iter(rows.groupby(["table", "domains", "searcher", "start"])))
    names = product(dict.fromkeys(raw["table"]), (REGULAR, MISLEADING_ONES), SEARCHERS, ORDER)
    return {name: found[name] for name in names if name in found}


def shares_of_cold(raw: pd.DataFrame) -> dict[Row, float]:
    """Return how many trials each start took of those of the cold start on the same domains."""
    groups = grouped(raw)
    return {
        name: _share(rows, groups[(*name[:3], COLD)])
        for name, rows in groups.items()
        if (*name[:3], COLD) in groups
    }


def summary(raw: pd.DataFrame) -> dict[Row, dict[str, str]]:
    """Return the figures of every row of the table, as text."""
    shares = shares_of_cold(raw)
    return {
        name: {
            "searches": str(len(rows)),
            "median trials": f"{rows['trials'].median():.0f}",
            "mean trials": f"{rows['trials'].mean():.1f}",
            "of cold": f"{100 * shares[name]:.0f} %" if name in shares else "–",
            "reached": f"{100 * rows['reached'].mean():.0f} %",
            "first regret, median": f"{rows['first_regret'].median():.3g}",
        }
        for name, rows in grouped(raw).items()
    }


def _share(rows: pd.DataFrame, cold: pd.DataFrame) -> float:
    key = ["domain", "repetition"]
    both = rows.merge(cold, on=key, suffixes=("", "_cold"))
    return float(both["trials"].sum() / both["trials_cold"].sum()) if len(both) else float("nan")
