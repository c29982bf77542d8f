"""Which configuration next: plain data in and out, no Ray, no torch."""

from autopeft.core.choices import Choices
from autopeft.searchers.base import (
    Done,
    Failed,
    Outcome,
    Proposal,
    Pruned,
    Searcher,
    Value,
    Wait,
    make_searcher,
)

SEARCHERS = Choices(
    "searcher",
    "searchers",
    {
        "random": "autopeft.searchers.optuna_searcher:random_searcher",
        "tpe": "autopeft.searchers.optuna_searcher:tpe_searcher",
    },
)

__all__ = [
    "SEARCHERS",
    "Done",
    "Failed",
    "Outcome",
    "Proposal",
    "Pruned",
    "Searcher",
    "Value",
    "Wait",
    "make_searcher",
]
