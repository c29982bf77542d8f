"""Retrieval as the audio-text field counts it, with one or several relevant items per query.

The field's definitions differ from torchmetrics' (``RetrievalRecall`` divides by the number of
relevant items: 0.19 where the field reports R@1 = 0.95 with five captions per sound).
Items of equal score rank in the order they stand in.

Shapes: Q queries, I items.
"""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray


def recall_at_k(scores_QI: ArrayLike, relevant_QI: ArrayLike, *, k: int) -> float:
    """Return R@k: the share of queries with at least one relevant item among the k best scored.

    Queries without any relevant item do not count; without queries the result is nan.

    Example:
        >>> recall_at_k([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]], [[0, 1, 1], [0, 0, 1]], k=1)
        0.5
    """
    ranked = _ranked(scores_QI, relevant_QI)
    return float(ranked[:, :k].any(axis=1).mean()) if len(ranked) else nan


def map_at_k(scores_QI: ArrayLike, relevant_QI: ArrayLike, *, k: int) -> float:
    """Return mAP@k: per query, the precisions at the relevant ranks up to k, summed and divided by
    min(relevant items, k); then the mean over queries.

    With up to k relevant items this is the mAP@10 of the audio-text papers, which divide by all
    relevant items. With more, dividing by all of them would deny a perfect ranking its 1.

    Queries without any relevant item do not count; without queries the result is nan.

    Example:
        >>> map_at_k([[3.0, 2.0, 1.0]], [[1, 0, 1]], k=10)  # (1/1 + 2/3) / 2
        0.8333333333333333
    """  # noqa: D205
    ranked = _ranked(scores_QI, relevant_QI)
    if not len(ranked):
        return nan
    best = ranked[:, :k].astype(np.float64)
    precision = np.cumsum(best, axis=1) / np.arange(1, best.shape[1] + 1)
    possible = np.minimum(ranked.sum(axis=1), k)
    return float(np.mean((precision * best).sum(axis=1) / possible))


def _ranked(scores_QI: ArrayLike, relevant_QI: ArrayLike) -> NDArray[np.bool_]:
    """Return relevance in order of falling score, for the queries that have a relevant item.

    Scores that are not finite rank nothing: no query remains, and the result is nan.
    """
    scores = np.asarray(scores_QI, dtype=np.float64)
    relevant = np.asarray(relevant_QI, dtype=bool)
    if not np.isfinite(scores).all():
        return relevant[:0]
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(relevant, order, axis=1)
    return ranked[ranked.any(axis=1)]
