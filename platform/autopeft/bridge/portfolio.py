"""A zero-shot portfolio: few points of which one is good on whatever run.

After Wistuba, Schilling and Schmidt-Thieme, "Sequential model-free hyperparameter tuning" (ICDM
2015): greedily the point that lowers the mean over runs of the portfolio's best loss the most.
Losses are shares of the way from a run's best to its median. A run that did not try a point is
asked through a forest of its own trials.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from autopeft.bridge.features import rows
from autopeft.bridge.past import PastRun
from autopeft.bridge.scores import shares
from autopeft.core.seeds import derive_seed
from autopeft.spec.space import Axis
from autopeft.spec.warm_start import Opening, ZeroShotPortfolio

TREES = 50


def zero_shot(
    options: ZeroShotPortfolio, runs: Sequence[PastRun], axes: Sequence[Axis], *, seed: int
) -> Opening:
    """Return the portfolio, in the order of its choice."""
    candidates = [dict(trial.cube) for run in runs for trial in run.trials]
    losses_RC = np.stack(
        [
            _losses(run, candidates, axes, seed=derive_seed(seed, options.kind, index))
            for index, run in enumerate(runs)
        ]
    )
    chosen = greedy(losses_RC, options.points)
    return Opening(
        kind=options.kind,
        first=tuple(candidates[index] for index in chosen),
        sources=tuple(run.name for run in runs),
    )


def greedy(losses_RC: NDArray[np.float64], count: int) -> list[int]:
    """Return the columns that together lower the mean over rows of the least value the most.

    It ends earlier where no further column helps any row.

    Example:
        >>> greedy(np.asarray([[0.4, 0.0, 1.0], [0.4, 1.0, 0.0]]), 3)
        [0, 1, 2]
        >>> greedy(np.asarray([[0.0, 0.5], [0.0, 0.5]]), 2)
        [0]
    """
    best_R = np.full(len(losses_RC), np.inf)
    chosen: list[int] = []
    while len(chosen) < count:
        together_C = np.minimum(best_R[:, None], losses_RC).mean(axis=0)
        index = int(together_C.argmin())
        if together_C[index] >= best_R.mean():
            break
        chosen.append(index)
        best_R = np.minimum(best_R, losses_RC[:, index])
    return chosen


def _losses(
    run: PastRun, candidates: Sequence[dict[str, float]], axes: Sequence[Axis], *, seed: int
) -> NDArray[np.float64]:
    """Return a run's loss at every candidate: as it was, or as its forest has it."""
    known_T = shares([trial.loss for trial in run.trials])
    tried_TF = rows(axes, [trial.cube for trial in run.trials])
    forest = RandomForestRegressor(TREES, random_state=seed).fit(tried_TF, known_T)
    found_C: NDArray[np.float64] = forest.predict(rows(axes, candidates))
    seen = {tuple(sorted(t.cube.items())): x for t, x in zip(run.trials, known_T, strict=True)}
    for index, cube in enumerate(candidates):
        found_C[index] = seen.get(tuple(sorted(cube.items())), found_C[index])
    return found_C
