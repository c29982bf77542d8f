"""What a proxy's trials say beyond their best one: a few numbers on the shape of its response."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import PolynomialFeatures

from autopeft.bridge.features import columns, rows
from autopeft.bridge.past import PastRun, PastTrial
from autopeft.bridge.scores import normal_scores
from autopeft.spec.space import Axis

# The best trials together tell better where the optimum lies than the very best of noisy ones.
BEST_SHARE = 4
STRENGTHS = (1e-4, 1e-2, 1.0, 1e2)


def surface(run: PastRun, axes: Sequence[Axis]) -> dict[str, float]:
    """Return the shape of a run's response surface in numbers.

    ``centre AXIS`` and ``width AXIS`` are mean and standard deviation of an ordered axis over the
    best quarter of the trials, where they have it; ``smooth`` is how much of the ranks a quadratic
    function explains (0 to 1), ``sharp`` how far the best stands out of the better half, in units
    of that half's spread.
    """
    losses = np.asarray([trial.loss for trial in run.trials])
    top = run.trials[: max(len(run.trials) // BEST_SHARE, 1)]
    found: dict[str, float] = {}
    for axis in axes:
        positions = [trial.cube[axis.name] for trial in top if axis.name in trial.cube]
        if axis.ordered and positions:
            found[f"centre {axis.name}"] = float(np.mean(positions))
            found[f"width {axis.name}"] = float(np.std(positions))
    better = losses[: max(len(losses) // 2, 1)]
    spread = float(better.std())
    found["sharp"] = float((better.mean() - better[0]) / spread) if spread > 0 else 0.0
    found["smooth"] = _smooth(run.trials, axes)
    return found


def _smooth(trials: Sequence[PastTrial], axes: Sequence[Axis]) -> float:
    """Return R² of a ridge-regularised quadratic fit to the normal scores of the losses."""
    if len(trials) < 3:
        return 0.0
    points_TF = PolynomialFeatures(2).fit_transform(rows(axes, [trial.cube for trial in trials]))
    scores_T: NDArray[np.float64] = normal_scores([trial.loss for trial in trials])
    fit = RidgeCV(STRENGTHS).fit(points_TF, scores_T)
    return float(max(fit.score(points_TF, scores_T), 0.0))


def optimum(run: PastRun, axes: Sequence[Axis]) -> dict[str, float]:
    """Return the best point as numbers, a choice one-hot; by the names of its columns."""
    numbers = rows(axes, [run.best.cube])[0]
    return dict(zip(columns(axes), map(float, numbers), strict=True))
