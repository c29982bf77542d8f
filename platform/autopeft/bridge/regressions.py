"""Small regressions for few pairs: one number from a row of numbers, with a standard deviation.

Each is a function from training rows and values to a prediction. They see standardised columns, and
``fewest`` says how many pairs each takes at least.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.preprocessing import PolynomialFeatures

Array: TypeAlias = NDArray[np.float64]
# Rows (Q, F) in, mean and standard deviation (Q) out; 0 where a model has no idea of its own.
Predict: TypeAlias = Callable[[Array], tuple[Array, Array]]
Fit: TypeAlias = Callable[[Array, Array], Predict]

NEIGHBOURS = 3
DEGREE = 2
TREES = 30
STRENGTHS = tuple(10.0**k for k in range(-6, 4))
# In units of the usual distance between two rows; of the amplitude.
LENGTH_SCALES: Array = np.geomspace(0.1, 100.0, 19)
NOISES: Array = np.geomspace(1e-6, 10.0, 15)
SEED = 0


@dataclass(frozen=True, slots=True)
class Regression:
    """How to fit one, and how many pairs it takes for a row of ``features`` numbers."""

    fit: Fit
    fewest: Callable[[int], int]


def _mean(rows_NF: Array, values_N: Array) -> Predict:
    middle = float(values_N.mean())
    return lambda rows_QF: (np.full(len(rows_QF), middle), np.zeros(len(rows_QF)))


def _neighbours(rows_NF: Array, values_N: Array) -> Predict:
    """The nearest pairs, the nearer the heavier."""

    def predict(rows_QF: Array) -> tuple[Array, Array]:
        apart_QN = np.linalg.norm(rows_QF[:, None] - rows_NF[None], axis=2)
        near_QK = np.argsort(apart_QN, axis=1)[:, :NEIGHBOURS]
        weights_QK = 1 / (np.take_along_axis(apart_QN, near_QK, axis=1) + 1e-9)
        weights_QK /= weights_QK.sum(axis=1, keepdims=True)
        values_QK = values_N[near_QK]
        mean_Q = (weights_QK * values_QK).sum(axis=1)
        spread_Q = np.sqrt((weights_QK * (values_QK - mean_Q[:, None]) ** 2).sum(axis=1))
        return mean_Q, spread_Q

    return predict


def _ridge(rows_NF: Array, values_N: Array) -> Predict:
    """Linear, its strength chosen by leaving one out."""
    return _certain(RidgeCV(STRENGTHS).fit(rows_NF, values_N).predict)


def _polynomial(rows_NF: Array, values_N: Array) -> Predict:
    """All products of two columns, not regularised."""
    terms = PolynomialFeatures(DEGREE, include_bias=False)
    fit = LinearRegression().fit(terms.fit_transform(rows_NF), values_N)
    return _certain(lambda rows_QF: fit.predict(terms.transform(rows_QF)))


def _gaussian_process(rows_NF: Array, values_N: Array) -> Predict:
    """One length scale, amplitude and noise, each at its most likely value; targets centred.

    The likelihood is looked up on a grid of length scales and noises, with the amplitude in closed
    form (Rasmussen & Williams, 2006, section 5.4.1): a twentieth of a gradient search's time, and
    always the same answer.
    """
    middle = float(values_N.mean())
    y_N = values_N - middle
    apart_NN = _apart(rows_NF, rows_NF)
    usual = float(np.sqrt(rows_NF.shape[1]))
    best = (-np.inf, usual, NOISES[-1], 0.0)
    for scale in usual * LENGTH_SCALES:
        s_N, u_NN = np.linalg.eigh(np.exp(-apart_NN / (2 * scale**2)))
        a_N = (u_NN.T @ y_N) ** 2
        for noise in NOISES:
            d_N = np.maximum(s_N, 0.0) + noise
            amplitude = float(np.mean(a_N / d_N))
            likelihood = -0.5 * (len(y_N) * np.log(amplitude + 1e-300) + np.log(d_N).sum())
            best = max(best, (float(likelihood), float(scale), float(noise), amplitude))
    _, scale, noise, amplitude = best
    covariance_NN = np.exp(-apart_NN / (2 * scale**2)) + noise * np.eye(len(y_N))
    inverse_NN = np.linalg.inv(covariance_NN)

    def predict(rows_QF: Array) -> tuple[Array, Array]:
        k_QN = np.exp(-_apart(rows_QF, rows_NF) / (2 * scale**2))
        mean_Q = middle + k_QN @ inverse_NN @ y_N
        left_Q = 1.0 - np.einsum("qn,nm,qm->q", k_QN, inverse_NN, k_QN)
        return mean_Q, np.sqrt(amplitude * np.maximum(left_Q, 0.0))

    return predict


def _apart(rows_QF: Array, rows_NF: Array) -> Array:
    """Return the squared distances between two sets of rows."""
    squares: Array = ((rows_QF[:, None] - rows_NF[None]) ** 2).sum(axis=2)
    return squares


def _forest(rows_NF: Array, values_N: Array) -> Predict:
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=SEED)
    forest.fit(rows_NF, values_N)

    def predict(rows_QF: Array) -> tuple[Array, Array]:
        by_tree = np.stack([tree.predict(rows_QF) for tree in forest.estimators_])
        return by_tree.mean(axis=0), by_tree.std(axis=0)

    return predict


def _certain(mean: Callable[[Array], Array]) -> Predict:
    return lambda rows_QF: (mean(rows_QF), np.zeros(len(rows_QF)))


def _terms(features: int) -> int:
    return features + features * (features + 1) // 2


# From the plainest on: of two that are equally good, the first is taken.
REGRESSIONS: Mapping[str, Regression] = {
    "mean": Regression(_mean, lambda features: 1),
    "ridge": Regression(_ridge, lambda features: 3),
    "neighbours": Regression(_neighbours, lambda features: 2),
    "gaussian process": Regression(_gaussian_process, lambda features: 3),
    # Of fewer pairs, leaves of two make it a handful of means.
    "forest": Regression(_forest, lambda features: 10),
    "polynomial": Regression(_polynomial, lambda features: _terms(features) + 2),
}
