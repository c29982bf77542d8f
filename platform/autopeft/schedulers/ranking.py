"""Which of several losses is better: one objective as it is, several by non-dominated sorting."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from autopeft.schedulers.base import Losses


def scores(losses: Sequence[Losses]) -> list[float]:
    """Return one number for each, smaller being better.

    One objective: the loss itself. Several: the place in NSGA-II's order (Deb et al., 2002), that
    is by front, within a front by crowding distance (the lonelier first), then by the first
    objective. Equal losses have equal numbers.

    Example:
        >>> scores([(0.5,), (0.2,)])
        [0.5, 0.2]
        >>> scores([(1.0, 4.0), (4.0, 1.0), (5.0, 5.0), (2.0, 2.0), (1.0, 4.0)])
        [0.0, 2.0, 4.0, 3.0, 0.0]
    """
    if all(len(each) == 1 for each in losses):
        return [each[0] for each in losses]
    return list(_places(tuple(losses)))


@lru_cache(maxsize=64)  # a rung is looked at whenever a slot is free, and changes with a report
def _places(losses: tuple[Losses, ...]) -> tuple[float, ...]:
    """Return everyone's place; 1,000 trials with two objectives take about 0.2 s."""
    distinct = sorted(set(losses))
    keys: dict[Losses, tuple[int, float, Losses]] = {}
    for number, front in enumerate(fronts(distinct)):
        for each, distance in zip(front, crowding(front), strict=True):
            keys[each] = (number, -distance, each)
    order = sorted(keys[each] for each in losses)
    return tuple(float(bisect_left(order, keys[each])) for each in losses)


def dominates(one: Losses, other: Losses) -> bool:
    """Whether ``one`` is nowhere worse than ``other`` and somewhere better.

    Example:
        >>> dominates((1.0, 2.0), (1.0, 3.0)), dominates((1.0, 2.0), (2.0, 1.0))
        (True, False)
    """
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def fronts(losses: Sequence[Losses]) -> list[list[Losses]]:
    """Return those that nothing dominates, then those that only the former dominate, and so on."""
    table_NM = np.array(losses, dtype=float).reshape(len(losses), -1)
    no_worse_NN = (table_NM[:, None] <= table_NM[None]).all(axis=2)
    better_NN = (table_NM[:, None] < table_NM[None]).any(axis=2)
    dominates_NN = np.asarray(no_worse_NN & better_NN)
    left, found = np.ones(len(losses), dtype=bool), list[list[Losses]]()
    while left.any():
        front = left & ~dominates_NN[left].any(axis=0)
        found.append([each for each, is_in in zip(losses, front, strict=True) if is_in])
        left &= ~front
    return found


def crowding(front: Sequence[Losses]) -> list[float]:
    """Return how far each one's neighbours lie apart in all objectives; infinite at the ends."""
    distance = dict.fromkeys(front, 0.0)
    for axis in range(len(front[0])):
        order = sorted(front, key=lambda each: (each[axis], each))
        span = order[-1][axis] - order[0][axis]
        distance[order[0]] = distance[order[-1]] = float("inf")
        if span > 0:
            for before, each, after in zip(order, order[1:], order[2:], strict=False):
                distance[each] += (after[axis] - before[axis]) / span
    return [distance[each] for each in front]
