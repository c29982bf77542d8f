"""Losses of different runs on one scale, whatever their units."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata


def normal_scores(losses: Sequence[float]) -> NDArray[np.float64]:
    """Return the normal quantiles of the losses' ranks: mean 0, low is good, no scale assumed.

    Example:
        >>> normal_scores([3.0, 1.0, 2.0]).round(3).tolist()
        [0.674, -0.674, 0.0]
    """
    ranks = rankdata(losses)
    return np.asarray(norm.ppf(ranks / (len(ranks) + 1)), dtype=float)


def shares(
    losses: Sequence[float] | NDArray[np.float64], *, best: float, typical: float
) -> NDArray[np.float64]:
    """Return losses between 0, the best, and 1, what is typical; beyond it 1.

    Typical and not the worst: what diverged would make everything else look equal.

    Example:
        >>> shares([1.0, 2.0, 3.0, 1e9], best=1.0, typical=2.5)
        array([0.        , 0.66666667, 1.        , 1.        ])
    """
    above: NDArray[np.float64] = np.maximum(np.asarray(losses, dtype=float) - best, 0.0)
    span = typical - best
    return np.sign(above) if span <= 0 else np.minimum(above / span, 1.0)
