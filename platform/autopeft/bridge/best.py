"""The simple transfers: the best of past runs first, or the box around them."""

from collections.abc import Iterator, Mapping, Sequence

from autopeft.bridge.past import PastRun
from autopeft.spec.space import Axis
from autopeft.spec.warm_start import BestOfHistory, BoundingBox, Opening

# Two points are the same if no coordinate differs by more.
SAME = 1e-6
# A box is at least so wide, and a belief at least so uncertain: past optima lie close by chance.
LEAST_WIDTH = 0.1
LEAST_SPREAD = 0.05


def best_of_history(
    options: BestOfHistory, runs: Sequence[PastRun], axes: Sequence[Axis], *, seed: int
) -> Opening:
    """Return the best points of each run, run by run, the same ones once."""
    return Opening(
        kind=options.kind,
        first=tuple(best_points(runs, options.points)),
        sources=tuple(run.name for run in runs),
    )


def best_points(runs: Sequence[PastRun], count: int) -> list[dict[str, float]]:
    """Return each run's best point, then each one's second, and so on; ``count`` at most."""
    found: list[dict[str, float]] = []
    for rank in range(max((len(run.trials) for run in runs), default=0)):
        for run in runs:
            if rank < len(run.trials) and not _is_among(run.trials[rank].cube, found):
                found.append(dict(run.trials[rank].cube))
            if len(found) == count:
                return found
    return found


def bounding_box(
    options: BoundingBox, runs: Sequence[PastRun], axes: Sequence[Axis], *, seed: int
) -> Opening:
    """Return the box around the runs' best points; a simplex begins in its middle."""
    box = dict(_box([run.best.cube for run in runs], axes, margin=options.margin))
    mean, spread = middle_and_size(box)
    return Opening(
        kind=options.kind,
        box=box,
        mean=mean,
        spread=spread,
        sources=tuple(run.name for run in runs),
        remarks=_whole(axes, box),
    )


def middle_and_size(
    box: Mapping[str, tuple[float, float]],
) -> tuple[dict[str, float], dict[str, float]]:
    """Return where a box has its middle, and half its width, by axis."""
    mean = {name: (low + high) / 2 for name, (low, high) in box.items()}
    spread = {name: max((high - low) / 2, LEAST_SPREAD) for name, (low, high) in box.items()}
    return mean, spread


def clipped(low: float, high: float) -> tuple[float, float]:
    """Return a span within [0, 1] that is wide enough to search.

    Example:
        >>> clipped(-0.5, 0.02), clipped(0.5, 0.5)
        ((0.0, 0.1), (0.45, 0.55))
    """
    low, high = max(low, 0.0), min(high, 1.0)
    if high - low < LEAST_WIDTH:
        low, high = (low + high - LEAST_WIDTH) / 2, (low + high + LEAST_WIDTH) / 2
    shift = max(-low, 0.0) - max(high - 1.0, 0.0)
    return low + shift, high + shift


def _box(
    points: Sequence[Mapping[str, float]], axes: Sequence[Axis], *, margin: float
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield the span of every ordered axis that some point has."""
    for axis in axes:
        positions = [point[axis.name] for point in points if axis.name in point]
        if axis.ordered and positions:
            yield axis.name, clipped(min(positions) - margin, max(positions) + margin)


def _whole(axes: Sequence[Axis], box: Mapping[str, object]) -> tuple[str, ...]:
    whole = [axis.name for axis in axes if axis.name not in box]
    if not whole:
        return ()
    return (f"searched whole, having no order or no past value: {', '.join(whole)}",)


def _is_among(cube: Mapping[str, float], others: Sequence[Mapping[str, float]]) -> bool:
    return any(
        cube.keys() == other.keys() and all(abs(cube[n] - other[n]) <= SAME for n in cube)
        for other in others
    )
