"""Which searcher suits: by objectives and space, as docs/how-to-choose.md explains."""

from autopeft.searchers.base import Searcher, Setting, make_searcher
from autopeft.spec.searcher import (
    AutoSearcher,
    ChoosingSearcher,
    NelderMeadSearcher,
    Nsga3Searcher,
    RandomSearcher,
    TpeSearcher,
)


def auto_searcher(options: AutoSearcher, setting: Setting) -> Searcher:
    """Return the searcher that ``choice`` names."""
    chosen = choice(setting).model_copy(update={"cost_aware": options.cost_aware})
    return make_searcher(chosen, setting)


def choice(setting: Setting) -> ChoosingSearcher:
    """Return the options of the searcher that suits."""
    if len(setting.directions) > 2:
        return Nsga3Searcher()
    if len(setting.directions) > 1:
        return TpeSearcher()
    if not setting.axes:
        return RandomSearcher()
    return NelderMeadSearcher()
