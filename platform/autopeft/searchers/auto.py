"""Which searcher suits: by objectives and space, as docs/how-to-choose.md explains.

Budget and workers have no part in it: from 10 to 160 trials and from 1 to 40 workers they do not
change who is best (`autopeft bench choice`), and a sweep that is extended must keep its searcher.
"""

from autopeft.searchers.base import Searcher, Setting, make_searcher
from autopeft.spec.searcher import (
    AutoSearcher,
    ChoosingSearcher,
    NelderMeadSearcher,
    RandomSearcher,
    TpeSearcher,
)


def auto_searcher(options: AutoSearcher, setting: Setting) -> Searcher:
    """Return the searcher that ``choice`` names."""
    chosen = choice(setting).model_copy(update={"cost_aware": options.cost_aware})
    return make_searcher(chosen, setting)


def choice(setting: Setting) -> ChoosingSearcher:
    """Return the options of the searcher that suits."""
    if len(setting.directions) > 1:
        return TpeSearcher()
    if not setting.axes:
        return RandomSearcher()
    if any(axis.when is not None or not axis.ordered for axis in setting.axes):
        return TpeSearcher()
    return NelderMeadSearcher()
