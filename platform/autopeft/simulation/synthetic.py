"""Learning curves by formula, where the best point and the noise are known."""

import math
from collections.abc import Sequence

import numpy as np

from autopeft.simulation.problem import Curve
from autopeft.spec.space import Axis, Cube


class SyntheticCurves:
    """Exponential decay towards a bowl: a wrong rate diverges or learns slowly, size costs time.

    The loss after a share t of the steps is ``floor + (1 - floor) * exp(-speed * t)`` with noise;
    floor and speed are best at two thirds of every axis.
    """

    def __init__(self, axes: Sequence[Axis], *, reports: int = 8, noise: float = 0.01) -> None:
        self.axes = tuple(axes)
        self.steps = tuple(range(10, 10 * reports + 1, 10))
        self._noise = noise

    def curve(self, cube: Cube) -> Curve:
        """Return the noisy curve at a point; the same point always gives the same."""
        positions = [cube[axis.name] for axis in self.axes if axis.name in cube]
        distance = math.sqrt(sum((x - 2 / 3) ** 2 for x in positions) / max(len(positions), 1))
        floor, speed = 0.1 + distance, 5 * (1 - min(distance, 0.9))
        rng = np.random.default_rng([int(x * 2**32) for x in positions])
        shares = np.arange(1, len(self.steps) + 1) / len(self.steps)
        losses = floor + (1 - floor) * np.exp(-speed * shares)
        losses += rng.normal(scale=self._noise, size=len(losses))
        if positions and positions[0] > 0.97:  # a learning rate that is far too high
            losses[len(losses) // 2 :] = math.nan
        seconds = [1.0 + (positions[-1] if positions else 0.0)] * len(self.steps)
        return Curve(losses.tolist(), seconds, float(losses[-1]))
