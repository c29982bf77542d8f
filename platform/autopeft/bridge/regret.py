"""What a predicted point would lose against a run's best, as far as its trials tell."""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from autopeft.bridge.features import rows
from autopeft.bridge.past import PastRun
from autopeft.spec.space import Axis

TREES = 50
SEED = 0


def estimated_regret(run: PastRun, axes: Sequence[Axis], cube: Mapping[str, float]) -> float:
    """Return by how much a point is worse than the run's best trial, by a forest of its trials.

    A forest never sees beyond what was tried, so it is 0 or more, and near a point that was tried
    it is about what was found there.
    """
    losses = np.asarray([trial.loss for trial in run.trials])
    forest = RandomForestRegressor(TREES, random_state=SEED)
    forest.fit(rows(axes, [trial.cube for trial in run.trials]), losses)
    expected = float(forest.predict(rows(axes, [cube]))[0])
    return max(expected - run.best.loss, 0.0)


def mean_and_spread(regrets: Sequence[float]) -> tuple[float, float] | None:
    """Return mean and standard deviation of regrets; nothing of none."""
    if not regrets:
        return None
    return float(np.mean(regrets)), float(np.std(regrets, ddof=1)) if len(regrets) > 1 else 0.0
