"""What each choice bought: the best and the middle score at every level of every choice. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from statistics import median

from autopeft.reports.standing import objective, setting
from autopeft.spec.space import Space
from autopeft.tracking.history import History
from autopeft.tracking.trial_history import TrialHistory

MOST_LEVELS = 12


@dataclass(frozen=True, slots=True)
class Level:
    """One value of one choice, over the finished trials that had it; NaN where none had."""

    name: str
    value: str
    trials: int
    best: float
    median: float
    best_trial: str
    trainable_parameters: float | None


def levels(history: History, space: Space) -> Iterator[Level]:
    """Yield every level, choice by choice; none where no trial has finished."""
    metric, _ = objective(history)
    whole = history.ranked()
    if not whole:
        return
    for dimension in space.dimensions:
        if dimension.kind != "choice" or len(dimension.choices) > MOST_LEVELS:
            continue
        for choice in dimension.choices:
            had = [trial for trial in whole if trial.values.get(dimension.name) == choice]
            scores = [trial.metrics[metric] for trial in had]
            yield Level(
                dimension.name, setting(choice), len(had), scores[0] if had else nan,
                median(scores) if had else nan, had[0].id if had else "", _middle_size(had),
            )  # fmt: skip


def _middle_size(trials: list[TrialHistory]) -> float | None:
    sizes = [t.trainable_parameters for t in trials if t.trainable_parameters is not None]
    return median(sizes) if sizes else None
