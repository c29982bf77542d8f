"""A sweep in a searcher's words."""

from collections.abc import Iterable, Sequence
from typing import Any

from autopeft.core.seeds import derive_seed
from autopeft.searchers import Done, Outcome, Searcher, Setting, make_searcher, opened
from autopeft.searchers.base import is_same_point
from autopeft.spec.first_points import first_cubes
from autopeft.spec.space import Cube
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Opening
from autopeft.tracking.events import Amended, AnyEvent, Kind, WarmStarted
from autopeft.tracking.history import History


def searcher_of(
    sweep: Sweep, opening: Opening | None = None, since: Amended | None = None
) -> Searcher:
    """Return the sweep's searcher, not asked yet.

    Args:
        sweep: What to search; the user's first points come before those of the opening.
        opening: What its warm start came to; after a change, what the change says of it counts.
        since: The change from which on it searches, if it takes over from another one: it is to be
            told the history, begins with the first points that are not in it, and draws otherwise,
            so that it does not repeat what the other one drew.
    """
    search, seed = sweep.settings.search, sweep.settings.seed
    options, begin = search.searcher, 0
    first = first_cubes(search.first_points, sweep.space)
    if since is not None and since.history is not None:
        begin = len(since.history)
        own = seed if options.seed is None else options.seed
        options, seed = options.model_copy(update={"seed": None}), derive_seed(own, "since", begin)
        tried = [placed.cube for placed in since.history.values() if placed.cube is not None]
        first = tuple(cube for cube in first if not _is_among(cube, tried))
        opening = _untried(since.opening, tried)
    setting = Setting(
        axes=sweep.space.axes,
        directions=tuple(search.objectives.values()),
        seed=seed,
        first=first,
        timed=search.hours is not None,
        begin=begin,
    )
    if opening is not None:
        setting = opened(setting, opening)
    return make_searcher(options, setting)


def opening_in(events: Iterable[AnyEvent]) -> Opening | None:
    """Return what a journal's warm start came to."""
    return next((event.opening for event in events if isinstance(event, WarmStarted)), None)


def refuted(opening: Opening, history: History) -> bool:
    """Whether the trial of the first point has shown that an opening was wrong."""
    if opening.limit is None or not opening.first:
        return False
    for trial in history.of_kind(Kind.TRIAL):
        if is_same_point(trial.cube, opening.first[0]) and not trial.status.is_open:
            return not (trial.has_run_its_course and history.loss(trial.metrics) <= opening.limit)
    return False


def _untried(opening: Opening | None, tried: Sequence[Cube]) -> Opening | None:
    """Return an opening without the points that were tried; with the first, it stood its test."""
    if opening is None:
        return None
    left = tuple(cube for cube in opening.first if not _is_among(cube, tried))
    stood = bool(opening.first) and _is_among(opening.first[0], tried)
    return opening.model_copy(
        update={"first": left, "limit": None if stood or not left else opening.limit}
    )


def _is_among(cube: Cube, others: Iterable[Cube]) -> bool:
    return any(_is_part(cube, other) for other in others)


def _is_part(cube: Cube, whole: Cube) -> bool:
    """Whether ``whole`` is ``cube``, which may be partial, completed."""
    return is_same_point(cube, {name: whole[name] for name in cube.keys() & whole.keys()})


class Minutes:
    """In a searcher's place: proposes nothing, and takes down what it is told.

    Attributes:
        told: Outcomes by number, for a searcher that is to take them as its history.
    """

    def __init__(self) -> None:
        self.told: dict[int, Outcome] = {}

    def ask(self) -> Done:
        """Return that there is nothing."""
        return Done("not asked")

    def tell(self, number: int, outcome: Outcome) -> None:
        """Take it down."""
        self.told[number] = outcome

    def adopt(self, number: int, cube: Cube) -> None:
        """Nothing: its outcome will come."""

    def state(self) -> dict[str, Any]:
        """Return nothing: what is told stands in the journal."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Take nothing."""
