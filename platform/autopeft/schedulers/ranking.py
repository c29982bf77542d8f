"""Which of several losses is better: one objective as it is, several by non-dominated sorting."""

from collections.abc import Sequence

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
    distinct = sorted(set(losses))
    keys: dict[Losses, tuple[int, float, Losses]] = {}
    for number, front in enumerate(fronts(distinct)):
        for each, distance in zip(front, crowding(front), strict=True):
            keys[each] = (number, -distance, each)
    order = sorted(keys[each] for each in losses)
    return [float(order.index(keys[each])) for each in losses]


def dominates(one: Losses, other: Losses) -> bool:
    """Whether ``one`` is nowhere worse than ``other`` and somewhere better.

    Example:
        >>> dominates((1.0, 2.0), (1.0, 3.0)), dominates((1.0, 2.0), (2.0, 1.0))
        (True, False)
    """
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def fronts(losses: Sequence[Losses]) -> list[list[Losses]]:
    """Return those that nothing dominates, then those that only the former dominate, and so on."""
    left, found = list(losses), []
    while left:
        front = [each for each in left if not any(dominates(other, each) for other in left)]
        left = [each for each in left if each not in front]
        found.append(front)
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
