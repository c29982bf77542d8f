"""A sweep in a searcher's words."""

from collections.abc import Iterable
from typing import Any

from autopeft.core.seeds import derive_seed
from autopeft.searchers import Done, Outcome, Searcher, Setting, make_searcher, opened
from autopeft.searchers.base import is_same_point
from autopeft.spec.first_points import first_cubes
from autopeft.spec.space import Cube
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Opening
from autopeft.tracking.events import Amended, AnyEvent, WarmStarted


def searcher_of(
    sweep: Sweep, opening: Opening | None = None, since: Amended | None = None
) -> Searcher:
    """Return the sweep's searcher, not asked yet.

    Args:
        sweep: What to search; the user's first points come before those of the opening.
        opening: What its warm start came to; nothing after a change, whose space it does not know.
        since: The change from which on it searches, if it takes over from another one: it is to be
            told the history, begins with the first points that are not in it, and draws otherwise,
            so that it does not repeat what the other one drew.
    """
    search, seed = sweep.settings.search, sweep.settings.seed
    options, begin = search.searcher, 0
    first = first_cubes(search.first_points, sweep.space)
    takes_over = since is not None and since.history is not None
    if since is not None and since.history is not None:
        begin = len(since.history)
        own = seed if options.seed is None else options.seed
        options, seed = options.model_copy(update={"seed": None}), derive_seed(own, "since", begin)
        tried = [placed.cube for placed in since.history.values() if placed.cube is not None]
        first = tuple(cube for cube in first if not any(_is_part(cube, other) for other in tried))
    setting = Setting(
        axes=sweep.space.axes,
        directions=tuple(search.objectives.values()),
        seed=seed,
        first=first,
        timed=search.hours is not None,
        begin=begin,
    )
    if opening is not None and not takes_over:
        setting = opened(setting, opening)
    return make_searcher(options, setting)


def opening_in(events: Iterable[AnyEvent]) -> Opening | None:
    """Return what a journal's warm start came to."""
    return next((event.opening for event in events if isinstance(event, WarmStarted)), None)


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
