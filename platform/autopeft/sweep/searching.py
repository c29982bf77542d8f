"""A sweep in a searcher's words."""

from collections.abc import Iterable

from autopeft.searchers import Prior, Searcher, Setting, make_searcher
from autopeft.spec.first_points import first_cubes
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Opening
from autopeft.tracking.events import AnyEvent, WarmStarted


def searcher_of(sweep: Sweep, opening: Opening | None = None) -> Searcher:
    """Return the sweep's searcher, not asked yet.

    Args:
        sweep: What to search; the user's first points come before those of the opening.
        opening: What its warm start came to.
    """
    search = sweep.settings.search
    opening = opening or Opening(kind="")
    return make_searcher(
        search.searcher,
        Setting(
            axes=sweep.space.axes,
            directions=tuple(search.objectives.values()),
            seed=sweep.settings.seed,
            first=(*first_cubes(search.first_points, sweep.space), *opening.first),
            prior=Prior(opening.mean, opening.spread) if opening.mean else None,
            box=opening.box,
        ),
    )


def opening_in(events: Iterable[AnyEvent]) -> Opening | None:
    """Return what a journal's warm start came to."""
    return next((event.opening for event in events if isinstance(event, WarmStarted)), None)
