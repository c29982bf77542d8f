"""What ``auto`` should take: searchers by space, budget and workers, where the answer is known.

Numbers are the 24 BBOB functions, instances 1 to 3, best gap so far; noise is a bowl whose values
have the noise of a validation set, regret of what looks best; fronts are DTLZ2 and DTLZ7,
hypervolume. Trials take equally long, so that workers make rounds.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, TypeAlias

import numpy as np
import pandas as pd

from autopeft.searchers import Proposal, Setting, Value, make_searcher
from autopeft.searchers.auto import choice
from autopeft.simulation.bbob import FUNCTIONS, Bbob
from autopeft.simulation.fronts import Front
from autopeft.simulation.simulator import Simulation
from autopeft.simulation.synthetic import NoisyBowl
from autopeft.spec.searcher import (
    CmaesSearcher,
    NelderMeadSearcher,
    Nsga2Searcher,
    Nsga3Searcher,
    QmcSearcher,
    RandomSearcher,
    SearcherRecord,
    TpeSearcher,
)

Job: TypeAlias = tuple[str, int, str, int]
KEY: Final = ("scene", "workers", "searcher", "case")
CONTESTANTS: Final[Mapping[str, SearcherRecord]] = {
    "random": RandomSearcher(),
    "qmc": QmcSearcher(),
    "tpe": TpeSearcher(),
    "cmaes": CmaesSearcher(),
    "nelder-mead": NelderMeadSearcher(),
    "nsga2": Nsga2Searcher(),
    "nsga3": Nsga3Searcher(),
}
OTHER: Final = "best other, times better"
SURELY: Final = ": better"
INSTANCES: Final = range(1, 4)
NOISE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Scene:
    """Problems of one kind.

    Attributes:
        kind: Which figure: a gap, a regret or a hypervolume.
        size: Dimensions, or objectives.
        workers: Each tried alone.
        trials: When it is looked at; searches run to the last.
        cases: How many problems, or seeds.
        problem: Of a front.
    """

    kind: Literal["numbers", "noise", "front"]
    size: int
    workers: tuple[int, ...]
    trials: tuple[int, ...]
    cases: int
    problem: str = ""

    @property
    def searchers(self) -> tuple[str, ...]:
        """Who competes."""
        if self.kind == "front":
            return ("random", "tpe", "nsga2", "nsga3")
        return ("random", "qmc", "tpe", "cmaes", "nelder-mead")


_ALL_BBOB: Final = len(FUNCTIONS) * len(INSTANCES)
SCENES: Final[Mapping[str, Scene]] = {
    "2 numbers": Scene("numbers", 2, (1, 4, 10, 40), (10, 20, 40, 80, 160), _ALL_BBOB),
    "5 numbers": Scene("numbers", 5, (1, 10, 40), (10, 20, 40, 80, 160), _ALL_BBOB),
    "10 numbers": Scene("numbers", 10, (10,), (20, 40, 80, 160), _ALL_BBOB),
    "1 number, noise": Scene("noise", 1, (4,), (24, 48), 60),
    "2 numbers, noise": Scene("noise", 2, (4,), (24, 48), 60),
    "4 numbers, noise": Scene("noise", 4, (4,), (24, 48), 60),
    "DTLZ2, 2 objectives": Scene("front", 2, (4,), (48, 100, 200), 12, "dtlz2"),
    "DTLZ7, 2 objectives": Scene("front", 2, (4,), (48, 100, 200), 12, "dtlz7"),
    "DTLZ2, 3 objectives": Scene("front", 3, (4,), (48, 100, 200), 12, "dtlz2"),
    "DTLZ7, 3 objectives": Scene("front", 3, (4,), (48, 100, 200), 12, "dtlz7"),
}


def jobs(scenes: Sequence[str], searchers: Sequence[str], *, most: int | None = None) -> list[Job]:
    """Return ``(scene, workers, searcher, case)`` for everything to run; ``most`` cases of each."""
    return [
        (name, workers, searcher, case)
        for name in scenes
        for workers, searcher in product(SCENES[name].workers, SCENES[name].searchers)
        if searcher in searchers
        for case in range(min(SCENES[name].cases, most or SCENES[name].cases))
    ]


def run_one(job: Job) -> list[dict[str, object]]:
    """Return a row for every number of trials at which the search is looked at."""
    name, workers, searcher, case = job
    scene = SCENES[name]
    found = _front if scene.kind == "front" else _single
    figures = found(scene, workers, CONTESTANTS[searcher], case)
    return [
        dict(zip(KEY, job, strict=True)) | {"trials": trials, "figure": figure}
        for trials, figure in zip(scene.trials, figures, strict=True)
    ]


def summary(rows: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the figures in words by scene, workers and trials, then by searcher.

    Geometric means of gaps, means of regrets and hypervolumes; the last column says how many
    times better the best of the others is than what ``auto`` takes, with a 95 % interval over the
    cases.
    """
    shown: dict[str, dict[str, str]] = {}
    for key, found in rows.groupby(["scene", "workers", "trials"], sort=False):
        name, workers, trials = str(key[0]), key[1], key[2]
        kind = SCENES[name].kind
        cases = found.pivot_table(index="case", columns="searcher", values="figure")
        cases = cases[[one for one in CONTESTANTS if one in cases]]
        means = _means(cases, kind)
        taken = auto_takes(name)
        row = {one: _digits(means[one]) if one in means else "–" for one in CONTESTANTS}
        row[OTHER] = "–"
        if taken in means and len(means) > 1:
            row[taken] = f"**{row[taken]}**"
            row[OTHER] = _against(cases, kind, taken)
        shown[f"{name}, {workers} at a time, {trials} trials"] = row
    return shown


def auto_takes(scene: str) -> str:
    """Return the name of the searcher that ``auto`` takes there."""
    taken = choice(_setting(SCENES[scene], seed=0))
    return next(name for name, record in CONTESTANTS.items() if type(record) is type(taken))


def is_behind(row: Mapping[str, str]) -> bool:
    """Whether, on a row of the summary, another is better than what ``auto`` takes, surely."""
    return row[OTHER].endswith(SURELY)


def _setting(scene: Scene, *, seed: int) -> Setting:
    directions: tuple[Literal["min"], ...] = ("min",)
    if scene.kind == "front":
        return Setting(Front(scene.problem, scene.size).axes, directions * scene.size, seed=seed)
    return Setting(NoisyBowl(scene.size, seed=0, noise=NOISE).axes, directions, seed=seed)


def _single(scene: Scene, workers: int, record: SearcherRecord, case: int) -> list[float]:
    problem: Bbob | NoisyBowl
    if scene.kind == "numbers":
        function, instance = FUNCTIONS[case % len(FUNCTIONS)], INSTANCES[case // len(FUNCTIONS)]
        problem, seed = Bbob(function, scene.size, instance), instance
    else:
        problem, seed = NoisyBowl(scene.size, seed=case, noise=NOISE), case
    searcher = make_searcher(record, _setting(scene, seed=seed))
    done = Simulation(problem, searcher, workers=workers, trials=max(scene.trials)).run()
    return [min(done[:count], key=lambda trial: trial.loss).truth for count in scene.trials]


def _front(scene: Scene, workers: int, record: SearcherRecord, case: int) -> list[float]:
    """Return hypervolumes; several objectives are asked for in rounds."""
    front = Front(scene.problem, scene.size)
    searcher = make_searcher(record, _setting(scene, seed=case))
    losses: list[tuple[float, ...]] = []
    while len(losses) < max(scene.trials):
        asked = [searcher.ask() for _ in range(workers)]
        for proposal in asked:
            assert isinstance(proposal, Proposal)
            losses.append(front.losses(proposal.cube))
            searcher.tell(proposal.number, Value(losses[-1]))
    return [front.hypervolume(losses[:count]) for count in scene.trials]


def _means(cases: pd.DataFrame, kind: str) -> dict[str, float]:
    means = np.exp(np.log(cases).mean()) if kind == "numbers" else cases.mean()
    return {str(one): float(mean) for one, mean in means.items()}


def _against(cases: pd.DataFrame, kind: str, taken: str, *, draws: int = 2000) -> str:
    """Return by how much the best of the others is better, above 1, or worse, below."""
    others = _means(cases.drop(columns=taken), kind)
    pick: Callable[..., str] = max if kind == "front" else min
    best = pick(others, key=lambda one: others[one])
    rng = np.random.default_rng(0)
    places = rng.integers(len(cases), size=(draws, len(cases)))
    ours, theirs = cases[taken].to_numpy(), cases[best].to_numpy()
    if kind == "numbers":
        factors = np.exp((np.log(ours) - np.log(theirs))[places].mean(axis=1))
        factor = math.exp(float((np.log(ours) - np.log(theirs)).mean()))
    else:
        above, below = (theirs, ours) if kind == "front" else (ours, theirs)
        factors = above[places].mean(axis=1) / below[places].mean(axis=1)
        factor = float(above.mean() / below.mean())
    low, high = np.quantile(factors, [0.025, 0.975])
    return f"{best} {factor:.2f} [{low:.2f}, {high:.2f}]" + (SURELY if low > 1 else "")


def _digits(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.1f}"
