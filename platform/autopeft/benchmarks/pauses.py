"""What it brings to tell a searcher of a trial when it pauses, and not only when it ends."""

from collections.abc import Callable
from itertools import product
from typing import Any, Final

import numpy as np

from autopeft.benchmarks.tables import Table
from autopeft.schedulers import make_scheduler
from autopeft.searchers import Interim, Outcome, Setting, make_searcher
from autopeft.searchers.base import Searcher
from autopeft.simulation.recorded_study import with_interval
from autopeft.simulation.simulator import Finished, Simulation
from autopeft.simulation.synthetic import SyntheticCurves
from autopeft.spec.scheduler import AshaScheduler
from autopeft.spec.searcher import (
    NelderMeadSearcher,
    RandomSearcher,
    SearcherRecord,
    TpeSearcher,
)
from autopeft.spec.space import Axis, Cube

AXES: Final = (
    Axis("method", levels=2, ordered=False),
    Axis("method.lora.rate", when=("method", 0)),
    Axis("method.ia3.rate", when=("method", 1)),
    Axis("rank", levels=9),
    Axis("dropout"),
    Axis("decay"),
)
MIDDLE: Final[Cube] = {
    "method": 0.25, "method.lora.rate": 0.5, "rank": 0.5, "dropout": 0.5, "decay": 0.5
}  # fmt: skip
WORKERS, TRIALS, REPETITIONS = 4, 100, 20
# In units of the time in which so many trials would run to their end.
CHECKED_TIMES = (12, 24, 48)
SEARCHERS: Final[dict[str, SearcherRecord]] = {
    "random": RandomSearcher(),
    "tpe": TpeSearcher(),
    "nelder-mead": NelderMeadSearcher(),
}
STOP, PROMOTE, AT_THE_END = "stop", "promote", "promote, told at the end only"


class HearsOfEndsOnly:
    """A searcher that is not told of pauses."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher

    def tell(self, number: int, outcome: Outcome) -> None:
        """Pass on what is final."""
        if not isinstance(outcome, Interim):
            self._searcher.tell(number, outcome)

    def __getattr__(self, name: str) -> Any:
        """Leave all else to the searcher."""
        return getattr(self._searcher, name)


def pauses(*, quick: bool, say: Callable[[str], None]) -> Table:
    """Search synthetic curves with every searcher and ASHA, stopping and promoting."""
    trials, repetitions = (20, 2) if quick else (TRIALS, REPETITIONS)
    rows = []
    for name, mode in product(SEARCHERS, (STOP, PROMOTE, AT_THE_END)):
        say(f"pauses: {name}, {mode}")
        runs = [_run(name, mode, seed=seed, trials=trials) for seed in range(repetitions)]
        by_time = ([_best(run, until=k * _unit()) for run in runs] for k in CHECKED_TIMES)
        rows.append((name, mode, *map(with_interval, (*by_time, [_best(run) for run in runs]))))
    return Table(
        "pauses",
        "ASHA that stops and that promotes, loss of the incumbent",
        ("searcher", "asha", *(f"time of {k} trials" for k in CHECKED_TIMES), "at the end"),
        rows,
        notes=(
            f"{repetitions} searches each of {trials} trials, {WORKERS} workers; ± is 95 %; the "
            "incumbent is the best trial that ran to its end",
        ),
    )


def _run(name: str, mode: str, *, seed: int, trials: int) -> list[Finished]:
    problem = SyntheticCurves(AXES)
    searcher = make_searcher(SEARCHERS[name], Setting(AXES, ("min",), seed))
    options = AshaScheduler(mode="stop" if mode == STOP else "promote", grace_steps=10, reduction=3)
    return Simulation(
        problem,
        HearsOfEndsOnly(searcher) if mode == AT_THE_END else searcher,
        make_scheduler(options, steps=problem.steps[-1]),
        workers=WORKERS,
        trials=trials,
        seed=seed,
    ).run()


def _unit() -> float:
    """Return the seconds in which one trial after the other, on all workers, runs to its end."""
    return sum(SyntheticCurves(AXES).curve(MIDDLE).seconds) / WORKERS


def _best(run: list[Finished], *, until: float = np.inf) -> float:
    return min((t.loss for t in run if t.is_whole and t.time <= until), default=np.nan)
