"""A quadratic fitted to the results around the best one, and the step it advises.

Trust-region steps on interpolated quadratics are M. J. D. Powell's (NEWUOA, 2006); here the model
is a least-squares fit to the nearest results, so that failed and noisy ones do no harm.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def coefficients_of(dimensions: int) -> int:
    """Return how many numbers a full quadratic has: 6 in the plane, 21 for D = 5."""
    return (dimensions + 1) * (dimensions + 2) // 2


def quadratic_step(
    points_ND: Array, losses_N: Array, *, neighbours: int, radius: float
) -> Array | None:
    """Return the minimum of a quadratic fitted around the best point, in the unit cube.

    Args:
        points_ND: N evaluated points, N at least D + 2.
        losses_N: Their losses, finite.
        neighbours: How many points nearest to the best one are fitted; with fewer than the
            quadratic has coefficients only its diagonal is fitted, with fewer than 2D + 1 one
            curvature for all axes.
        radius: How far the step may go, in units of the farthest neighbour's distance.

    Returns:
        The advised point, or ``None`` if the neighbours all have one loss or one place, or their
        losses differ by more than a number can say.
    """
    best = points_ND[np.argmin(losses_N)]
    distances = np.linalg.norm(points_ND - best, axis=1)
    nearest = np.argsort(distances, kind="stable")[:neighbours]
    reach = float(distances[nearest].max())
    losses = losses_N[nearest]
    spread = float(losses.max()) - float(losses.min())
    if reach <= 0 or not 0 < spread < math.inf:
        return None
    scaled_ND = (points_ND[nearest] - best) / reach
    gradient, hessian = _fit(scaled_ND, (losses - losses.min()) / spread)
    step = _trust_region(gradient, hessian, radius)
    return np.asarray(np.clip(best + reach * step, 0.0, 1.0))


def _fit(points_ND: Array, losses_N: Array) -> tuple[Array, Array]:
    """Return gradient and Hessian at the origin by least squares."""
    count, d = points_ND.shape
    if count < 2 * d + 1:
        return _fit_round(points_ND, losses_N)
    pairs = [(i, j) for i in range(d) for j in range(i, d)]
    if count < coefficients_of(d):
        pairs = [(i, i) for i in range(d)]
    columns = [np.ones(count), *points_ND.T, *(points_ND[:, i] * points_ND[:, j] for i, j in pairs)]
    solution = np.linalg.lstsq(np.stack(columns, axis=1), losses_N, rcond=1e-10)[0]
    hessian = np.zeros((d, d))
    for (i, j), value in zip(pairs, solution[d + 1 :], strict=True):
        hessian[i, j] += value
        hessian[j, i] += value
    return solution[1 : d + 1], hessian


def _fit_round(points_ND: Array, losses_N: Array) -> tuple[Array, Array]:
    """Return gradient and Hessian of a bowl that is equally steep on all sides."""
    squares_N = np.square(points_ND).sum(axis=1)
    columns = [np.ones(len(points_ND)), *points_ND.T, squares_N]
    solution = np.linalg.lstsq(np.stack(columns, axis=1), losses_N, rcond=1e-10)[0]
    return solution[1:-1], 2 * solution[-1] * np.eye(points_ND.shape[1])


def _trust_region(gradient: Array, hessian: Array, radius: float) -> Array:
    """Return the minimum of the model within ``radius``, by bisection on the multiplier.

    Nocedal & Wright, Numerical Optimization, 2nd ed., theorem 4.1.
    """
    curvatures, axes = np.linalg.eigh(hessian)
    slopes = axes.T @ gradient

    def step(multiplier: float) -> Array:
        return np.asarray(-slopes / (curvatures + multiplier + 1e-15))

    low = max(0.0, -float(curvatures.min()) + 1e-9)
    if curvatures.min() > 0 and np.linalg.norm(step(low)) <= radius:
        return np.asarray(axes @ step(low))
    high = low + 1
    while np.linalg.norm(step(high)) > radius:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.linalg.norm(step(middle)) > radius else (low, middle)
    return np.asarray(axes @ step(high))
