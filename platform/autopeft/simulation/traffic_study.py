"""The bridge on traffic: what fitting a day costs, cold against bridge, in seconds of a simulator.

Every day is fitted cold by Nelder-Mead on the microscopic simulation, and on the mesoscopic one,
which is the proxy. Then each day is held out in turn: a bridge is fitted to the pairs of all other
days, and predicts from the held-out day's proxy where its target is best; the search goes on from
there. All of them use the same simulator, random numbers and measurements.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from autopeft.bridge.fitting import FEWEST_PAIRS
from autopeft.bridge.model_file import BridgeModel
from autopeft.bridge.pairs import Sides, seen_by
from autopeft.bridge.past import PastRun, run_of
from autopeft.bridge.prediction import opening_by
from autopeft.core.errors import InputError
from autopeft.core.seeds import derive_seed
from autopeft.searchers import Setting, make_searcher, opened
from autopeft.simulation.bridge_study import taught
from autopeft.simulation.problem import Curve
from autopeft.simulation.raw_results import results
from autopeft.simulation.simulator import Simulation
from autopeft.spec.searcher import NelderMeadSearcher
from autopeft.spec.space import Axis, Cube
from autopeft.spec.warm_start import Bridge, Opening
from autopeft.traffic.objectives import score
from autopeft.traffic.scenarios import DAYS
from autopeft.traffic.simulate import Mode
from autopeft.traffic.situation import SPACE, Situation

PROXY, COLD, BRIDGE = "proxy", "cold", "bridge"
TRIALS: Mapping[str, int] = {PROXY: 20, COLD: 40, BRIDGE: 10}
BRIDGE_POINTS = Bridge(model="").points
KEY = ("day", "search", "repetition")
Job = tuple[str, str, int]


class TrafficProblem:
    """A day to be fitted: one report, the error; its seconds are the simulator's CPU time."""

    steps = (1,)

    def __init__(self, day: str, mode: Mode) -> None:
        self.day = day
        self.mode = mode

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What is unknown of the day."""
        return SPACE.axes

    def curve(self, cube: Cube) -> Curve:
        """Return the error at a point."""
        found = score(self.day, Situation(**SPACE.decode(cube)), mode=self.mode)
        return Curve((found["error"],), (found["simulator_seconds"],), found["error"])


def first_jobs(days: Sequence[str] = DAYS, *, repetitions: int) -> list[Job]:
    """Return the searches that know nothing of other days: ``(day, search, repetition)``."""
    return list(product(days, (PROXY, COLD), range(repetitions)))


def bridged_jobs(days: Sequence[str] = DAYS, *, repetitions: int) -> list[Job]:
    """Return the searches that begin where a bridge predicts."""
    return list(product(days, (BRIDGE,), range(repetitions)))


def run_first(job: Job) -> list[dict[str, Any]]:
    """Return the trials of one search that knows nothing of other days, a row each."""
    day, search, _ = job
    return _rows(job, TrafficProblem(day, "meso" if search == PROXY else "micro"), None)


def run_bridged(job: Job, *, raw: Path) -> list[dict[str, Any]]:
    """Return the trials of one search begun by a bridge, a row each; ``raw`` holds the others."""
    day, _, repetition = job
    model = bridge_without(day, repetition, raw)
    proxy = _runs(raw, repetition)[day, PROXY]
    seen = seen_by(proxy, SPACE.axes, {})
    opening = opening_by(
        model, seen, proxy, points=BRIDGE_POINTS, seed=derive_seed(repetition, "opening", day)
    )
    rows = _rows(job, TrafficProblem(day, "micro"), opening)
    return [{**row, "stood_aside": not model.has_signal} for row in rows]


def bridge_without(day: str, repetition: int, raw: Path) -> BridgeModel:
    """Return the bridge fitted to all days but one."""
    runs = _runs(raw, repetition)
    others = sorted({name for name, _ in runs} - {day})
    sides = [Sides(name, runs[name, PROXY], runs[name, COLD], {}) for name in others]
    return taught("traffic", sides, proxy=SPACE, target=SPACE)


def _rows(job: Job, problem: TrafficProblem, opening: Opening | None) -> list[dict[str, Any]]:
    day, search, repetition = job
    seed = derive_seed(repetition, "traffic", day, search)
    setting = Setting(problem.axes, ("min",), seed=seed)
    if opening is not None:
        setting = opened(setting, opening)
    searcher = make_searcher(NelderMeadSearcher(), setting)
    finished = Simulation(problem, searcher, trials=TRIALS[search], seed=seed).run()
    # One worker, one report: the simulated time of a trial's end is all CPU time until then.
    return [
        {
            **dict(zip(KEY, job, strict=True)),
            "trial": index,
            "error": trial.loss,
            "seconds": trial.time,
            "stood_aside": False,
            **{f"cube.{name}": position for name, position in trial.cube.items()},
        }
        for index, trial in enumerate(sorted(finished, key=lambda trial: trial.time))
    ]


@cache
def _runs(raw: Path, repetition: int) -> Mapping[tuple[str, str], PastRun]:
    """Return the first searches of a repetition, by day and search."""
    table = pd.read_parquet(raw)
    table = table[(table["repetition"] == repetition) & table["search"].isin((PROXY, COLD))]
    names = [axis.name for axis in SPACE.axes]
    return {
        (str(day), str(search)): run_of(
            str(day),
            [
                ({name: row[f"cube.{name}"] for name in names}, row["error"])
                for row in rows.to_dict("records")
            ],
        )
        for (day, search), rows in table.groupby(["day", "search"])
    }


class Cost(NamedTuple):
    """What one held-out day took.

    Attributes:
        day: Which.
        repetition: Which.
        stood_aside: Whether the bridge had no signal.
        level: The error that both are to reach.
        cold_seconds: What the cold search took to reach it; all of its time, if it never did.
        cold_reached: Whether it did.
        bridge_seconds: The same of the bridged search.
        bridge_reached: Whether it did.
        proxy_seconds: What the day's proxy took.
    """

    day: str
    repetition: int
    stood_aside: bool
    level: float
    cold_seconds: float
    cold_reached: bool
    bridge_seconds: float
    bridge_reached: bool
    proxy_seconds: float


def one_shot_costs(raw: pd.DataFrame) -> list[Cost]:
    """Return what it took to reach the error of the bridge's first trial."""
    return [_cost(raw, *key, level=None) for key in _held_out(raw)]


def same_error_costs(raw: pd.DataFrame, *, within: float) -> list[Cost]:
    """Return what it took to come so near (a factor) to the best error that either ever found."""
    return [_cost(raw, *key, level=within) for key in _held_out(raw)]


def learning_seconds(raw: pd.DataFrame) -> pd.Series:
    """Return what the pairs took, per repetition: every day's proxy and cold target."""
    first = raw[raw["search"].isin((PROXY, COLD))]
    ends = first.groupby(["repetition", "day", "search"])["seconds"].max()
    return ends.groupby("repetition").sum()


def _held_out(raw: pd.DataFrame) -> list[tuple[str, int]]:
    bridged = raw[raw["search"] == BRIDGE]
    return sorted(set(bridged[["day", "repetition"]].itertuples(index=False, name=None)))


def _cost(raw: pd.DataFrame, day: str, repetition: int, *, level: float | None) -> Cost:
    own = raw[(raw["day"] == day) & (raw["repetition"] == repetition)]
    cold, bridged = (own[own["search"] == s].sort_values("trial") for s in (COLD, BRIDGE))
    if level is None:
        error = float(bridged["error"].iloc[0])
    else:
        error = level * float(min(cold["error"].min(), bridged["error"].min()))
    cold_seconds, cold_reached = _until(cold, error)
    bridge_seconds, bridge_reached = _until(bridged, error)
    return Cost(
        day,
        repetition,
        bool(bridged["stood_aside"].iloc[0]),
        error,
        cold_seconds,
        cold_reached,
        bridge_seconds,
        bridge_reached,
        float(own[own["search"] == PROXY]["seconds"].max()),
    )


def _until(rows: pd.DataFrame, error: float) -> tuple[float, bool]:
    """Return after how many seconds an error was reached, and whether it was."""
    there = np.flatnonzero(rows["error"].to_numpy() <= error)
    index = int(there[0]) if len(there) else len(rows) - 1
    return float(rows["seconds"].iloc[index]), bool(len(there))


def complete(
    raw: Path,
    days: Sequence[str],
    *,
    repetitions: int,
    processes: int,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """Run what ``raw`` lacks, those that know nothing of other days first; return all rows.

    Raises:
        InputError: Too few days for a bridge when one of them is held out.
    """
    if len(days) <= FEWEST_PAIRS:
        raise InputError(
            f"found {len(days)} days; each is held out in turn and a bridge takes {FEWEST_PAIRS} "
            f"others: name {FEWEST_PAIRS + 1} at least"
        )
    made = partial(results, key=KEY, raw=raw, processes=processes, progress=progress)
    first = made(first_jobs(days, repetitions=repetitions), run_first)
    bridged = made(bridged_jobs(days, repetitions=repetitions), partial(run_bridged, raw=raw))
    return pd.concat([first, bridged], ignore_index=True)


def summary(raw: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return, for each question, what cold and bridge took on the days held out, as text."""
    asked = {
        "error of the bridge's first trial": one_shot_costs(raw),
        "within 10 % of the best error": same_error_costs(raw, within=1.1),
    }
    found: dict[str, dict[str, str]] = {}
    for question, costs in asked.items():
        for words, kept in (("", False), (", bridge stood aside", True)):
            rows = [cost for cost in costs if cost.stood_aside is kept]
            if rows:
                found[question + words] = _figures(rows)
    return found


def _figures(costs: Sequence[Cost]) -> dict[str, str]:
    ratios = [cost.cold_seconds / cost.bridge_seconds for cost in costs]
    with_proxy = [c.cold_seconds / (c.bridge_seconds + c.proxy_seconds) for c in costs]
    reached = [sum(c.cold_reached for c in costs), sum(c.bridge_reached for c in costs)]
    return {
        "days": str(len(costs)),
        "error": f"{np.median([c.level for c in costs]):.3f}",
        "cold, CPU s": f"{np.median([c.cold_seconds for c in costs]):.1f}",
        "cold reached": f"{reached[0]} of {len(costs)}",
        "bridge, CPU s": f"{np.median([c.bridge_seconds for c in costs]):.1f}",
        "bridge reached": f"{reached[1]} of {len(costs)}",
        "proxy, CPU s": f"{np.median([c.proxy_seconds for c in costs]):.1f}",
        "ratio": f"{np.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})",
        "ratio with proxy": f"{np.median(with_proxy):.1f}",
    }
