"""Which searcher suits: by objectives and space, as docs/how-to-choose.md explains."""

from autopeft.searchers.base import Searcher, Setting, make_searcher
from autopeft.spec.searcher import (
    AutoSearcher,
    NelderMeadSearcher,
    Nsga3Searcher,
    RandomSearcher,
    SearcherRecord,
    TpeSearcher,
)


def auto_searcher(options: AutoSearcher, setting: Setting) -> Searcher:
    """Return the searcher that ``choice`` names."""
    return make_searcher(choice(setting), setting)


def choice(setting: Setting) -> SearcherRecord:
    """Return the options of the searcher that suits."""
    if len(setting.directions) > 2:
        return Nsga3Searcher()
    if len(setting.directions) > 1:
        return TpeSearcher()
    if not setting.axes:
        return RandomSearcher()
    return NelderMeadSearcher()
