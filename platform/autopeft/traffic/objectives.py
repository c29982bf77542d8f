"""How far a simulation is from what the detectors saw: the objective, cheap and dear.

Both are objectives of ``task: {kind: function}``, named ``traffic-meso`` and ``traffic-micro``.
"""

import numpy as np

from autopeft.traffic.scenarios import observed
from autopeft.traffic.simulate import Array, Measured, Mode, simulate
from autopeft.traffic.situation import Situation

# All simulations of a search share their random numbers, which are not those of the day.
SEED = 7


def micro(day: str, **unknowns: float) -> dict[str, float]:
    """Score one situation by the microscopic simulation: the target."""
    return score(day, Situation(**unknowns), mode="micro")


def meso(day: str, **unknowns: float) -> dict[str, float]:
    """Score one situation by the mesoscopic simulation: the proxy."""
    return score(day, Situation(**unknowns), mode="meso")


def score(day: str, situation: Situation, *, mode: Mode, seed: int = SEED) -> dict[str, float]:
    """Simulate a situation and compare it with a day.

    Returns:
        ``error``, the root mean square of ``count_error`` and ``speed_error``, which are root mean
        squares over detectors and intervals as a share of what was seen on average; and
        ``simulator_seconds`` of CPU.
    """
    found, seen = simulate(situation, mode=mode, seed=seed), observed(day)
    return {**errors(found, seen), "simulator_seconds": found.cpu_seconds}


def errors(found: Measured, seen: Measured) -> dict[str, float]:
    """Return how far two measurements are from each other."""
    counts = _error(found.counts, seen.counts)
    speeds = _error(found.speeds, seen.speeds)
    both = float(np.sqrt((counts**2 + speeds**2) / 2))
    return {"error": both, "count_error": counts, "speed_error": speeds}


def _error(found: Array, seen: Array) -> float:
    return float(np.sqrt(np.mean((found - seen) ** 2)) / np.mean(seen))
