"""Functions whose best point is known, as objectives that come with autopeft."""

import math


def branin(x: float, y: float) -> float:
    """Return Branin's function on x in [-5, 10], y in [0, 15]; three minima of 0.397887.

    From Dixon & Szegö, "The global optimization problem: an introduction", 1978.

    Example:
        >>> [round(branin(x, y), 6) for x, y in ((math.pi, 2.275), (-math.pi, 12.275))]
        [0.397887, 0.397887]
    """
    bend = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10
