"""What it brings to reckon with costs where the budget is time: searches with and without it.

Four methods, two of which cost four times as much as the others, four workers, heavy-tailed
durations. Which method is best decides who gains, so there is a scene for every answer.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from autopeft.searchers import Setting, make_searcher
from autopeft.simulation.simulator import Simulation, heavy_tailed
from autopeft.simulation.synthetic import BranchedCones
from autopeft.spec.searcher import (
    CmaesSearcher,
    NelderMeadSearcher,
    RandomSearcher,
    SearcherRecord,
    TpeSearcher,
)

WORKERS = 4
COSTS = (1.0, 4.0, 1.0, 4.0)
LEAST = 1e-3  # less regret is none: no test set tells it
SCENES: Mapping[str, Sequence[float]] = {
    "all alike": (0.0, 0.0, 0.0, 0.0),
    "a cheap one is best": (0.0, 0.03, 0.03, 0.03),
    "a dear one is best": (0.03, 0.0, 0.03, 0.03),
}
# In units of the cheap methods' trials, for each worker; without pauses.
BUDGETS = (15, 40)
CONTESTANTS: Mapping[str, SearcherRecord] = {
    "random": RandomSearcher(),
    "tpe": TpeSearcher(),
    "cmaes": CmaesSearcher(),
    "nelder-mead": NelderMeadSearcher(),
}
KEY = ("scene", "searcher", "cost_aware", "seed")
Job = tuple[str, str, bool, int]


def jobs(searchers: Sequence[str], *, repetitions: int) -> list[Job]:
    """Return ``(scene, searcher, cost_aware, seed)`` for everything to run."""
    return list(product(SCENES, searchers, (False, True), range(repetitions)))


def run_one(job: Job) -> list[dict[str, object]]:
    """Return the regret of one search at the end of each budget, a row each."""
    scene, searcher, cost_aware, seed = job
    problem = BranchedCones(COSTS, SCENES[scene], seed=seed)
    options = CONTESTANTS[searcher].model_copy(update={"cost_aware": cost_aware})
    search = Simulation(
        problem,
        make_searcher(options, Setting(problem.axes, ("min",), seed=seed)),
        workers=WORKERS,
        trials=WORKERS * max(BUDGETS) * 2,
        stretch=heavy_tailed,
        seed=seed,
    )
    while search.time < max(BUDGETS) and search.play():
        pass
    return [
        dict(zip(KEY, job, strict=True))
        | {"budget": budget, "regret": _regret(search, budget, min(SCENES[scene]))}
        for budget in BUDGETS
    ]


def _regret(search: Simulation, budget: float, best: float) -> float:
    """Return how far what looked best by then truly is from the best there is; 1 if nothing did."""
    done = [trial for trial in search.finished if trial.time <= budget]
    if not done:
        return 1.0
    return max(min(done, key=lambda trial: trial.loss).truth - best, LEAST)


def factors(raw: pd.DataFrame, *, draws: int = 2000) -> pd.DataFrame:
    """Return by scene, budget and searcher how many times smaller the regret is with costs.

    The factor is a ratio of geometric means over the same problems, with a 95 % interval by
    bootstrap over them; above 1, reckoning with costs is better.
    """
    by = ["scene", "budget", "searcher"]
    rows = []
    for group, found in raw.groupby(by, sort=False):
        logs = np.log(found.pivot_table(index="seed", columns="cost_aware", values="regret"))
        gains = (logs[False] - logs[True]).to_numpy()
        rng = np.random.default_rng(0)
        means = [float(rng.choice(gains, len(gains)).mean()) for _ in range(draws)]
        low, high = np.exp(np.quantile(means, [0.025, 0.975]))
        rows.append((*group, np.exp(gains.mean()), low, high))
    return pd.DataFrame(rows, columns=[*by, "factor", "low", "high"])


def table(raw: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the factors in words, by scene and budget, then by searcher."""
    shown: dict[str, dict[str, str]] = {}
    for row in factors(raw).itertuples():
        cell = f"{row.factor:.2f} [{row.low:.2f}, {row.high:.2f}]"
        shown.setdefault(f"{row.scene}, {row.budget}", {})[str(row.searcher)] = cell
    return shown
