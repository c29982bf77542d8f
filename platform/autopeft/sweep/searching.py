"""A sweep in a searcher's words."""

from autopeft.searchers import Searcher, Setting, make_searcher
from autopeft.spec.first_points import first_cubes
from autopeft.spec.sweep import Sweep


def searcher_of(sweep: Sweep) -> Searcher:
    """Return the sweep's searcher, not asked yet."""
    search = sweep.settings.search
    return make_searcher(
        search.searcher,
        Setting(
            axes=sweep.space.axes,
            directions=tuple(search.objectives.values()),
            seed=sweep.settings.seed,
            first=first_cubes(search.first_points, sweep.space),
        ),
    )
