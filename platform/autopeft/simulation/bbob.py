"""The BBOB functions of COCO, 24 of them with an optimum that is known.

Hansen et al., "Real-parameter black-box optimization benchmarking 2009", INRIA RR-6829; computed by
``coco-experiment`` (an optional package: ``pip install autopeft[bench]``).
"""

import math
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from autopeft.core.errors import InputError
from autopeft.simulation.problem import Curve
from autopeft.spec.space import Axis, Cube

FUNCTIONS = range(1, 25)
FLOOR = 1e-12
LOW, HIGH = -5.0, 5.0


class Bbob:
    """One function, dimension and instance on the unit cube; the loss is the gap to the optimum."""

    steps: Sequence[int] = (1,)

    def __init__(self, function: int, dimension: int, instance: int) -> None:
        self.axes = tuple(Axis(f"x{i}") for i in range(dimension))
        self._evaluate = _suite(dimension, instance).get_problem_by_function_dimension_instance(
            function, dimension, instance
        )
        self._optimum = _optimum(function, dimension, instance)

    def curve(self, cube: Cube) -> Curve:
        """Return the gap at a point, floored at 1e-12, after one second."""
        point = [LOW + (HIGH - LOW) * cube[axis.name] for axis in self.axes]
        gap = max(float(self._evaluate(np.asarray(point))) - self._optimum, FLOOR)
        return Curve((gap,), (1.0,), gap)


@cache
def _suite(dimension: int, instance: int) -> Any:
    try:
        import cocoex
    except ImportError:
        raise InputError(
            "the BBOB functions need coco-experiment: pip install coco-experiment"
        ) from None
    return cocoex.Suite("bbob", f"instances: {instance}", f"dimensions: {dimension}")


@cache
def _optimum(function: int, dimension: int, instance: int) -> float:
    """Return the least value; COCO only tells where it lies, and only by a file in the folder."""
    problem = _suite(dimension, instance).get_problem_by_function_dimension_instance(
        function, dimension, instance
    )
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            problem._best_parameter("print")
            best = np.loadtxt("._bbob_problem_best_parameter.txt")
        finally:
            os.chdir(before)
    return float(problem(best))


def geometric_mean(gaps: Sequence[float]) -> float:
    """Return the geometric mean of gaps, each at least 1e-12."""
    return math.exp(float(np.mean(np.log(np.maximum(gaps, FLOOR)))))
