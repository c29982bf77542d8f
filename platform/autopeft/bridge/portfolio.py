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

from autopeft.bridge.draws import drawn_points
from autopeft.bridge.features import rows
from autopeft.bridge.past import PastRun, distinct
from autopeft.bridge.scores import shares
from autopeft.core.seeds import derive_seed
from autopeft.spec.space import Axis, Cube
from autopeft.spec.warm_start import Opening, ZeroShotPortfolio

TREES = 50
ANYWHERE = 200


def zero_shot(
    options: ZeroShotPortfolio, runs: Sequence[PastRun], axes: Sequence[Axis], *, seed: int
) -> Opening:
    """Return the portfolio, in the order of its choice."""
    candidates = distinct(runs)
    losses_RC = np.stack(
        [
            losses_at(run, candidates, axes, seed=derive_seed(seed, options.kind, index))
            for index, run in enumerate(runs)
        ]
    )
    chosen = greedy(losses_RC, options.points)
    return Opening(
        kind=options.kind,
        first=tuple(candidates[index] for index in chosen),
        sources=tuple(run.name for run in runs),
    )


def greedy(
    losses_RC: NDArray[np.float64],
    count: int,
    *,
    weights_R: NDArray[np.float64] | None = None,
    known_R: NDArray[np.float64] | None = None,
) -> list[int]:
    """Return the columns that together lower the mean over rows of the least value the most.

    It ends earlier where no further column helps.

    Args:
        losses_RC: What each column has in each row.
        count: How many columns at most.
        weights_R: How much each row counts; by default all the same.
        known_R: What there is before any column is chosen; by default nothing.

    Example:
        >>> greedy(np.asarray([[0.4, 0.0, 1.0], [0.4, 1.0, 0.0]]), 3)
        [0, 1, 2]
        >>> greedy(np.asarray([[0.0, 0.5], [0.0, 0.5]]), 2)
        [0]
    """
    best_R = np.full(len(losses_RC), np.inf) if known_R is None else known_R
    chosen: list[int] = []
    while len(chosen) < count:
        together_C = np.average(np.minimum(best_R[:, None], losses_RC), axis=0, weights=weights_R)
        index = int(together_C.argmin())
        if together_C[index] >= np.average(best_R, weights=weights_R):
            break
        chosen.append(index)
        best_R = np.minimum(best_R, losses_RC[:, index])
    return chosen


def losses_at(
    run: PastRun, candidates: Sequence[Cube], axes: Sequence[Axis], *, seed: int
) -> NDArray[np.float64]:
    """Return a run's loss at every candidate: as it was, or as a forest of its trials has it.

    Losses are shares of the way from the run's best (0) to what a random point has in the median
    (1), and 1 beyond. The run's own median would not do: a search that got somewhere has most of
    its trials there.
    """
    losses_T = np.asarray([trial.loss for trial in run.trials])
    forest = RandomForestRegressor(TREES, random_state=seed)
    forest.fit(rows(axes, [trial.cube for trial in run.trials]), losses_T)
    anywhere = drawn_points(axes, ANYWHERE, seed=seed)
    asked_QF = rows(axes, [*candidates, *anywhere])
    found_C, anywhere_Q = np.split(forest.predict(asked_QF), [len(candidates)])
    typical = float(np.median(anywhere_Q))
    tried = {_key(trial.cube): trial.loss for trial in run.trials}
    for index, cube in enumerate(candidates):
        found_C[index] = tried.get(_key(cube), found_C[index])
    return shares(found_C, best=run.best.loss, typical=typical)


def _key(cube: Cube) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(cube.items()))
