"""Which configuration next: plain data in and out, no Ray, no torch."""

from typing import TYPE_CHECKING, Any

from autopeft.core.choices import Choices
from autopeft.searchers.base import (
    Done,
    Failed,
    Interim,
    Outcome,
    Prior,
    Proposal,
    Pruned,
    Searcher,
    Setting,
    Value,
    Wait,
    make_searcher,
    opened,
)

if TYPE_CHECKING:
    from autopeft.searchers.nelder_mead_sampler import NelderMeadSampler

SEARCHERS = Choices(
    "searcher",
    "searchers",
    {
        "random": "autopeft.searchers.optuna_samplers:random_searcher",
        "grid": "autopeft.searchers.grid:Grid",
        "qmc": "autopeft.searchers.optuna_samplers:qmc_searcher",
        "tpe": "autopeft.searchers.optuna_samplers:tpe_searcher",
        "gp": "autopeft.searchers.optuna_samplers:gp_searcher",
        "cmaes": "autopeft.searchers.optuna_samplers:cmaes_searcher",
        "nsga2": "autopeft.searchers.optuna_samplers:nsga2_searcher",
        "nsga3": "autopeft.searchers.optuna_samplers:nsga3_searcher",
        "nelder-mead": "autopeft.searchers.nelder_mead:NelderMead",
        "auto": "autopeft.searchers.auto:auto_searcher",
    },
)

__all__ = [
    "SEARCHERS",
    "Done",
    "Failed",
    "Interim",
    "NelderMeadSampler",
    "Outcome",
    "Prior",
    "Proposal",
    "Pruned",
    "Searcher",
    "Setting",
    "Value",
    "Wait",
    "make_searcher",
    "opened",
]


def __getattr__(name: str) -> Any:
    """Load Optuna's only when its sampler is asked for."""
    if name == "NelderMeadSampler":
        from autopeft.searchers.nelder_mead_sampler import NelderMeadSampler

        return NelderMeadSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
