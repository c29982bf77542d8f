"""Quantile-based transfer: what ranks high in every past run.

After Salinas, Shen and Perrone, "A quantile-based approach for hyperparameter transfer learning"
(ICML 2020): the loss of every trial becomes the normal score of its rank in its run, one model of
location and scale is fitted to the scores of all runs, and points are Thompson draws from it. The
model here is a forest in the place of the paper's neural network: a few hundred trials are little.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from autopeft.bridge.draws import drawn_points
from autopeft.bridge.features import rows
from autopeft.bridge.past import PastRun
from autopeft.bridge.scores import normal_scores
from autopeft.core.seeds import derive_seed
from autopeft.spec.space import Axis, Cube, completed
from autopeft.spec.warm_start import Opening, Quantiles

TREES = 50
LEAST_IN_LEAF = 3
CANDIDATES = 500


def quantiles(
    options: Quantiles, runs: Sequence[PastRun], axes: Sequence[Axis], *, seed: int
) -> Opening:
    """Return Thompson draws from the scores of all runs."""
    seed = derive_seed(seed, options.kind)
    known = [trial.cube for run in runs for trial in run.trials]
    scores_T = np.concatenate([normal_scores([t.loss for t in run.trials]) for run in runs])
    forest = RandomForestRegressor(TREES, min_samples_leaf=LEAST_IN_LEAF, random_state=seed)
    forest.fit(rows(axes, known), scores_T)
    rng = np.random.default_rng(seed)
    first: list[dict[str, float]] = []
    for draw in range(options.points):
        candidates = _candidates(known, axes, seed=derive_seed(seed, draw))
        mean_C, spread_C = _predicted(forest, rows(axes, candidates), scores_T)
        drawn_C = rng.normal(mean_C, spread_C)
        first.append(candidates[int(drawn_C.argmin())])
    return Opening(kind=options.kind, first=tuple(first), sources=tuple(run.name for run in runs))


def _candidates(
    known: Sequence[Cube], axes: Sequence[Axis], *, seed: int
) -> list[dict[str, float]]:
    """Return random points, and the known ones, completed at random where they are partial."""
    drawn = drawn_points(axes, CANDIDATES + len(known), seed=seed)
    whole = {axis.name: 0.5 for axis in axes}
    return [
        *drawn[len(known) :],
        *(
            completed(axes, cube, {**whole, **other})
            for cube, other in zip(known, drawn[: len(known)], strict=True)
        ),
    ]


def _predicted(
    forest: RandomForestRegressor, rows_CF: NDArray[np.float64], scores_T: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of the trees; at least what the leaves leave open."""
    by_tree = np.stack([tree.predict(rows_CF) for tree in forest.estimators_])
    least = float(scores_T.std()) / np.sqrt(TREES)
    return by_tree.mean(axis=0), np.maximum(by_tree.std(axis=0), least)
