"""Searchers and schedulers compared on recorded curves: regret by trials and by simulated time.

A search sees the validation curve of one seed (the repetitions take turns). Its incumbent is the
best by that among the trials that ran to their end; it is judged by the regret on the mean over the
seeds, and by its test accuracy.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from autopeft.core.places import shipped
from autopeft.schedulers import make_scheduler
from autopeft.searchers import Setting, make_searcher
from autopeft.simulation.recorded import Recorded, Recording, read_recordings, truth
from autopeft.simulation.simulator import Finished, Simulation
from autopeft.spec.data import ProceduralData
from autopeft.spec.load import load_sweep
from autopeft.spec.scheduler import AshaScheduler, MedianScheduler, NoScheduler
from autopeft.spec.searcher import (
    AutoSearcher,
    CmaesSearcher,
    GpSearcher,
    NelderMeadSearcher,
    RandomSearcher,
    TpeSearcher,
)

SPACE = "recorded.yaml"
WORKERS = 4
TRIALS = 48
CHECKED_AT = (6, 12, 24, 48)
# Simulated time in which so many trials would run to their end, one after the other per worker.
CHECKED_TIMES = (6, 12, 24)
CONTESTANTS = {
    "random": RandomSearcher(),
    "tpe": TpeSearcher(),
    "gp": GpSearcher(),
    "cmaes": CmaesSearcher(),
    "nelder-mead": NelderMeadSearcher(),
    "auto": AutoSearcher(),
}
SCHEDULES = {
    "none": NoScheduler(),
    "asha": AshaScheduler(grace_steps=10, reduction=3),
    "asha, promote": AshaScheduler(mode="promote", grace_steps=10, reduction=3),
    "median": MedianScheduler(grace_steps=10),
}
KEY = ("curves", "searcher", "scheduler", "repetition")
Job = tuple[str, str, str, int]


def jobs(
    curves: Path, searchers: Sequence[str], schedulers: Sequence[str], *, repetitions: int
) -> list[Job]:
    """Return ``(curves, searcher, scheduler, repetition)`` for everything to run."""
    return [
        (str(curves), searcher, scheduler, repetition)
        for searcher, scheduler, repetition in product(searchers, schedulers, range(repetitions))
    ]


def run_one(job: Job) -> list[dict[str, Any]]:
    """Return one search's incumbent at every checked number of trials and at every checked time."""
    curves, searcher, scheduler, repetition = job
    recordings, axes = _loaded(curves)
    seeds = recordings[0].validation.shape[0]
    problem = Recorded(recordings, axes, seed=repetition % seeds)
    setting = Setting(axes, ("min",), seed=repetition)
    simulation = Simulation(
        problem,
        make_searcher(CONTESTANTS[searcher], setting),
        make_scheduler(SCHEDULES[scheduler], steps=problem.steps[-1], seed=repetition),
        workers=WORKERS,
        trials=TRIALS,
        seed=repetition,
    )
    finished = simulation.run()
    named = dict(zip(KEY, job, strict=True))
    unit = _seconds_of_a_trial(recordings, problem.steps[-1]) / WORKERS
    by_trials = {f"{k} trials": finished[:k] for k in CHECKED_AT}
    by_time = {
        f"time of {k} trials": [t for t in finished if t.time <= k * unit] for k in CHECKED_TIMES
    }
    return [
        {**named, "at": at, **_judged(problem, trials)}
        for at, trials in (by_trials | by_time).items()
    ]


def regrets(raw: pd.DataFrame) -> dict[tuple[str, str], dict[str, str]]:
    """Return mean regret with its interval, by searcher and scheduler, then by ``at``."""
    order = [f"{k} trials" for k in CHECKED_AT] + [f"time of {k} trials" for k in CHECKED_TIMES]
    return _means(raw, "regret", order)


def test_accuracies(raw: pd.DataFrame) -> dict[tuple[str, str], dict[str, str]]:
    """Return the mean test accuracy of the last incumbents with its interval."""
    return _means(raw, "test", [f"{TRIALS} trials"])


def clips_of_the_test() -> int:
    """Return how many clips the recorded test accuracies are shares of."""
    sweep = load_sweep(shipped("search_spaces") / SPACE)
    data = ProceduralData.model_validate(sweep.raw["task"]["data"])
    return round(data.clips * data.split.test)


def _means(
    raw: pd.DataFrame, column: str, order: Sequence[str]
) -> dict[tuple[str, str], dict[str, str]]:
    found = {
        name: rows[column].to_numpy(dtype=float)
        for name, rows in raw.groupby(["searcher", "scheduler", "at"])
    }
    return {
        (searcher, scheduler): {
            at: with_interval(found[searcher, scheduler, at])
            for at in order
            if (searcher, scheduler, at) in found
        }
        for searcher, scheduler in product(CONTESTANTS, SCHEDULES)
        if any(name[:2] == (searcher, scheduler) for name in found)
    }


def _judged(problem: Recorded, trials: Sequence[Finished]) -> Mapping[str, float]:
    whole = [trial for trial in trials if trial.is_whole]
    if not whole:
        return {"regret": float("nan"), "test": float("nan")}
    incumbent = problem.nearest(min(whole, key=lambda trial: trial.loss).cube)
    return {
        "regret": truth(incumbent) - problem.best,
        "test": float(np.mean(incumbent.test[:, -1])),
    }


def with_interval(values: ArrayLike) -> str:
    """Return the mean of what is finite with its 95 % interval; a dash if nothing is.

    Example:
        >>> with_interval([0.1, 0.3, np.nan]), with_interval([np.nan])
        ('0.200 ± 0.196', '–')
    """
    found = np.asarray(values, dtype=float)
    found = found[np.isfinite(found)]
    if not len(found):
        return "–"
    half = 1.96 * found.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else 0.0
    return f"{found.mean():.3f} ± {half:.3f}"


def _seconds_of_a_trial(recordings: Sequence[Recording], steps: int) -> float:
    return steps * float(np.median([recording.step_seconds for recording in recordings]))


@cache
def _loaded(curves: str) -> tuple[list[Recording], Any]:
    sweep = load_sweep(shipped("search_spaces") / SPACE)
    return read_recordings(Path(curves)), sweep.space.axes
