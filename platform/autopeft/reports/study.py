"""The history as an Optuna study, so that Optuna's plots and importances can be used."""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from autopeft.spec.space import Dimension, Space
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.history import History
from autopeft.tracking.trial_history import TrialHistory

STATES = {
    Status.FINISHED: TrialState.COMPLETE,
    Status.STOPPED: TrialState.PRUNED,
    Status.RUNNING: TrialState.RUNNING,
    Status.PAUSED: TrialState.RUNNING,
}  # everything else is a failure to Optuna


def build_study(history: History, space: Space, *, branch: str | None = None) -> optuna.Study:
    """Return a study holding every search trial: values, objectives, learning curve, state.

    Args:
        history: The sweep so far.
        space: Its space; a conditional dimension is in a trial only where it exists.
        branch: Keep the trials of this branch of ``method``, and shorten the names they share.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    directions = [f"{direction}imize" for direction in history.search.objectives.values()]
    study = optuna.create_study(directions=directions, study_name="sweep")
    names = {d: d.name if branch is None else _short(d.name, branch) for d in space.dimensions}
    if branch is not None and space.has_branches:
        names = {d: name for d, name in names.items() if d.name != "method"}
    study.add_trials(
        [
            frozen_trial(history, trial, names)
            for trial in history.of_kind(Kind.TRIAL)
            if not (branch and space.has_branches) or trial.values.get("method") == branch
        ]
    )
    return study


def frozen_trial(
    history: History, trial: TrialHistory, names: Mapping[Dimension, str]
) -> FrozenTrial:
    """Return one trial as Optuna knows it; without a finite objective it counts as failed."""
    values = history.values_of(trial.metrics)
    state = STATES.get(trial.status, TrialState.FAIL)
    if state is TrialState.COMPLETE and (values is None or any(v != v for v in values)):
        state = TrialState.FAIL
    searched = {
        name: d
        for d, name in names.items()
        if d.name in trial.values and _holds(d, trial.values[d.name])
    }
    first = next(iter(history.search.objectives))
    return optuna.trial.create_trial(
        state=state,
        values=values if state is TrialState.COMPLETE else None,
        params={name: trial.values[d.name] for name, d in searched.items()},
        distributions={name: distribution(d) for name, d in searched.items()},
        intermediate_values={p.step: p.metrics[first] for p in trial.reports if first in p.metrics},
        user_attrs={"trial": trial.id},
    )


def distribution(dimension: Dimension) -> BaseDistribution:
    """Return the values a dimension can take in Optuna's words.

    Example:
        >>> distribution(Dimension("rank", "choice", choices=(1, 2)))
        CategoricalDistribution(choices=(1, 2))
    """
    if dimension.kind == "choice":
        return CategoricalDistribution(dimension.choices)
    low, high = dimension.low, dimension.high
    if dimension.kind == "int":
        step = int(dimension.step or 1)
        return IntDistribution(int(low), int(high), log=dimension.log, step=step)
    return FloatDistribution(low, high, log=dimension.log, step=dimension.step)


def _short(name: str, branch: str) -> str:
    """Return ``name`` without what all parameters of the branch share."""
    return name.removeprefix(f"method.{branch}.").removeprefix("method.")


def _holds(dimension: Dimension, value: Any) -> bool:
    """Whether the space still has this value: a sweep may go on with a narrower one."""
    try:
        dimension.position(value)
    except (ValueError, TypeError):
        return False
    return True
