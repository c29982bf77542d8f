"""How often the best-scored class is the right one.

Shapes: N clips, C classes.
"""

from __future__ import annotations

from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax


def accuracy(scores_NC: ArrayLike, labels_N: ArrayLike) -> float:
    """Return the share of rows whose highest score is the label's; of equals the first counts.

    Example:
        >>> accuracy([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [0, 1, 1])
        0.6666666666666666
    """
    scores = np.asarray(scores_NC, dtype=np.float64)
    # argmax would call the first NaN the best, and a diverged model would score like a guess.
    if not np.isfinite(scores).all():
        return nan
    return float(np.mean(np.argmax(scores, axis=1) == np.asarray(labels_N)))


def standard_error(share: float, count: int) -> float:
    """Return the binomial standard error of a share of ``count`` independent clips.

    Example:
        >>> standard_error(0.5, 100)
        0.05
    """
    return sqrt(share * (1 - share) / count) if 0 <= share <= 1 else nan


def cross_entropy(logits_NC: ArrayLike, labels_N: ArrayLike) -> float:
    """Return the mean negative log-likelihood of the labels under softmax, in nats.

    Example:
        >>> round(cross_entropy([[0.0, 0.0], [0.0, 0.0]], [0, 1]), 4)
        0.6931
    """
    logits = np.asarray(logits_NC, dtype=np.float64)
    if not np.isfinite(logits).all():
        return nan
    labels = np.asarray(labels_N)
    return float(-np.mean(log_softmax(logits, axis=1)[np.arange(len(labels)), labels]))
