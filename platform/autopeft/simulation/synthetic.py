"""Learning curves by formula, where the best point and the noise are known."""

import math
from collections.abc import Sequence

import numpy as np

from autopeft.simulation.problem import Curve
from autopeft.spec.space import Axis, Cube, level_of


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


class NoisyBowl:
    """The squared distance to a point drawn from the seed, with the noise of a validation set."""

    steps = (1,)

    def __init__(self, dimensions: int, *, seed: int, noise: float) -> None:
        self.axes = tuple(Axis(f"x{i}") for i in range(dimensions))
        self._seed, self._noise = seed, noise
        self._best = np.random.default_rng([seed, 78]).uniform(0.15, 0.85, dimensions)

    def curve(self, cube: Cube) -> Curve:
        """Return the value at a point after one second; the same point always gives the same."""
        point = np.asarray([cube[axis.name] for axis in self.axes])
        truth = float(np.mean((point - self._best) ** 2))
        rng = np.random.default_rng([self._seed, *(int(x * 2**32) for x in point)])
        return Curve((truth + float(rng.normal(scale=self._noise)),), (1.0,), truth)


class BranchedCones:
    """A cone for every method, each with a trial's cost and a best value of its own.

    The loss is the method's floor and the mean distance along its axes from its best point, which
    is drawn from the seed; what is reported has the noise of a validation set of some thousands.
    """

    steps = (1,)

    def __init__(
        self,
        costs: Sequence[float],
        floors: Sequence[float],
        *,
        seed: int,
        dimensions: int = 3,
        noise: float = 0.005,
    ) -> None:
        self._noise = noise
        self._costs, self._floors = costs, floors
        rng = np.random.default_rng([seed, 77])
        self._best = rng.uniform(0.15, 0.85, (len(costs), dimensions))
        self.axes: tuple[Axis, ...] = (
            Axis("method", levels=len(costs), ordered=False),
            *(
                Axis(f"method.{branch}.x{index}", when=("method", branch))
                for branch in range(len(costs))
                for index in range(dimensions)
            ),
        )

    def curve(self, cube: Cube) -> Curve:
        """Return the one report of a trial."""
        branch = level_of(cube["method"], len(self._costs))
        found = [cube[axis.name] for axis in self.axes if axis.when == ("method", branch)]
        truth = self._floors[branch] + float(np.mean(np.abs(found - self._best[branch])))
        rng = np.random.default_rng([int(x * 2**32) for x in found])
        reported = truth + float(rng.normal(scale=self._noise))
        return Curve([reported], [self._costs[branch]], truth)
