"""Benchmark functions shifted, rotated and scaled, whose optima follow a known map.

In every domain the proxy is best at a point p of its own and the target at
``t = centre + slope · (p - 1/2)``, so that what a bridge should learn is known exactly: the matrix
``SLOPE`` and the vector ``CENTRE``. Domains made to mislead have their target's optimum on the
other side of the cube. With ``jitter``, targets lie off the map by chance: then
no bridge can be exact.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopeft.core.seeds import derive_seed
from autopeft.simulation.domains import Domain
from autopeft.simulation.problem import Curve
from autopeft.spec.space import Axis, Cube, Dimension, Space

Array = NDArray[np.float64]
ANGLE = math.radians(25)
SLOPE: Array = 0.8 * np.asarray(
    [[math.cos(ANGLE), -math.sin(ANGLE)], [math.sin(ANGLE), math.cos(ANGLE)]]
)
CENTRE: Array = np.asarray([0.55, 0.45])
NAMES = ("x", "y")
TOLERANCE = 0.001
# How far a function is stretched along its rotated axes.
STRETCH = np.asarray([1.0, 2.0])


def sphere(z: Array) -> float:
    """The plainest bowl."""
    return float(z @ z)


def valley(z: Array) -> float:
    """Rosenbrock's bent valley with gentler walls, its best point moved to 0."""
    u = 2 * z + 1
    return float(5 * (u[1] - u[0] ** 2) ** 2 + (1 - u[0]) ** 2) / 4


def waves(z: Array) -> float:
    """Rastrigin's bowl with waves in it, less steep ones: local optima all over."""
    return float(z @ z + 0.02 * np.sum(1 - np.cos(6 * math.pi * z)))


FUNCTIONS: Mapping[str, Callable[[Array], float]] = {
    "sphere": sphere,
    "valley": valley,
    "waves": waves,
}


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the unit square: 0 at ``best``, rotated by ``angle``, times ``scale``."""

    kind: str
    best: tuple[float, float]
    angle: float = 0.0
    scale: float = 1.0

    def __call__(self, point: Array) -> float:
        """Return the loss at a point."""
        turn = np.asarray(
            [
                [math.cos(self.angle), -math.sin(self.angle)],
                [math.sin(self.angle), math.cos(self.angle)],
            ]
        )
        z = STRETCH * (turn @ (point - np.asarray(self.best)))
        return self.scale * FUNCTIONS[self.kind](z)


class FunctionProblem:
    """A function as a problem: one report, one second."""

    steps = (1,)

    def __init__(self, function: Function) -> None:
        self.function = function
        self.axes = tuple(Axis(name) for name in NAMES)

    def curve(self, cube: Cube) -> Curve:
        """Return the loss at a point."""
        loss = self.function(np.asarray([cube[name] for name in NAMES]))
        return Curve((loss,), (1.0,), loss)


def true_optimum(proxy_best: Array) -> Array:
    """Return where the target is best if the proxy is best at ``proxy_best``."""
    best: Array = CENTRE + SLOPE @ (proxy_best - 0.5)
    return best


def family(
    kind: str, *, domains: int, misleading: int = 0, jitter: float = 0.0, seed: int = 0
) -> list[Domain]:
    """Return so many domains of one function, those made to mislead last.

    Proxies are bowls, rotated and scaled at random; targets are of ``kind``, rotated anew and up
    to ten times larger or smaller.
    """
    return [
        _domain(kind, index, misleads=index >= domains, jitter=jitter, seed=seed)
        for index in range(domains + misleading)
    ]


def family_proxy(x: float, y: float, at_x: float, at_y: float) -> float:
    """Return the loss of a bowl that is best at ``at``: the proxy of search_spaces/bridges."""
    bowl = Function("sphere", (at_x, at_y), angle=0.5, scale=0.1)
    return bowl(np.asarray([x, y]))


def family_target(x: float, y: float, at_x: float, at_y: float) -> float:
    """Return the loss of the valley whose best point the map makes of ``at``."""
    best = _pair(true_optimum(np.asarray([at_x, at_y])))
    return Function("valley", best, angle=1.0)(np.asarray([x, y]))


def _domain(kind: str, index: int, *, misleads: bool, jitter: float, seed: int) -> Domain:
    rng = np.random.default_rng(derive_seed(seed, kind, index))
    proxy_best = rng.uniform(0.15, 0.85, 2)
    best = true_optimum(proxy_best) + jitter * rng.normal(size=2)
    if misleads:
        best = (best + 0.5) % 1.0
    proxy = Function("sphere", _pair(proxy_best), rng.uniform(0, math.pi), 10 ** rng.uniform(-1, 1))
    target = Function(kind, _pair(best), rng.uniform(0, math.pi), 1.0)
    space = Space(tuple(Dimension(name, "float") for name in NAMES))
    return Domain(
        f"{kind} {index}{', misleading' if misleads else ''}",
        FunctionProblem(proxy),
        FunctionProblem(target),
        space,
        space,
        best=0.0,
        tolerance=TOLERANCE,
        misleads=misleads,
    )


def _pair(point: Array) -> tuple[float, float]:
    return float(point[0]), float(point[1])
