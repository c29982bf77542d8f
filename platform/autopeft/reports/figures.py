"""Figures that Optuna draws from the study; each is ``None`` where it would show nothing."""

from collections.abc import Iterator
from typing import Any

import optuna
from optuna.trial import TrialState

from autopeft.reports.standing import objective
from autopeft.reports.study import build_study
from autopeft.spec.space import Space
from autopeft.tracking.events import Kind
from autopeft.tracking.history import History

Figure = Any  # plotly is untyped
FEWEST_FOR_IMPORTANCE = 8
MOST_CURVES = 100


def optimisation_history(history: History, space: Space) -> Figure | None:
    """Every finished trial's objective in the order of asking, and the best so far."""
    study = build_study(history, space)
    if not _complete(study):
        return None
    metric, _ = objective(history)
    figure = optuna.visualization.plot_optimization_history(
        study, target=_first_of_several(study), target_name=metric
    )
    figure.data[0].update(marker={"size": 8})
    if len(figure.data) > 1:  # with several objectives Optuna draws no line
        figure.data[1].update(name="best so far", line={"shape": "hv"})
    figure.update_layout(legend={"orientation": "h", "y": 1.14})
    return figure.update_xaxes(title="trial")


def learning_curves(history: History, space: Space) -> Figure | None:
    """The objective over the steps, a line per trial; of very many trials only the last ones."""
    study = build_study(history, space)
    drawn = [trial for trial in study.trials if trial.intermediate_values]
    if not drawn:
        return None
    few = optuna.create_study(directions=study.directions)
    few.add_trials(drawn[-MOST_CURVES:])
    figure = optuna.visualization.plot_intermediate_values(few)
    names = [trial.user_attrs["trial"] for trial in drawn[-MOST_CURVES:]]
    for trace, name in zip(figure.data, names, strict=False):
        trace.update(name=name, mode="lines+markers", opacity=0.75, marker={"size": 3})
    metric, _ = objective(history)
    return figure.update_xaxes(title="step").update_yaxes(title=metric)


def importances(history: History, space: Space) -> Iterator[tuple[str, Figure]]:
    """Yield, per branch with enough trials, how much of the score each parameter explains."""
    for branch, study in _branches(history, space):
        varied = [name for name in _parameters(study) if _levels(study, name) > 1]
        if len(_complete(study)) < FEWEST_FOR_IMPORTANCE or len(varied) < 2:
            continue
        figure = optuna.visualization.plot_param_importances(
            study, params=varied, target=_first_of_several(study), target_name="importance"
        )
        figure.update_layout(height=110 + 34 * len(varied)).update_yaxes(title=None)
        yield branch, figure.update_xaxes(title="share of what is explained")


def parallel_coordinates(history: History, space: Space) -> Iterator[tuple[str, Figure]]:
    """Yield, per branch, every finished trial as a line through its values to its score."""
    metric, _ = objective(history)
    for branch, study in _branches(history, space):
        names = _parameters(study)
        if len(_complete(study)) < 2 or not names:
            continue
        figure = optuna.visualization.plot_parallel_coordinate(
            study, params=names, target=_first_of_several(study), target_name=metric
        )
        yield branch, figure.update_traces(opacity=0.8)


def front_of_objectives(history: History, space: Space) -> Figure | None:
    """With two or three objectives: all trials, and those no other is better than in all."""
    study = build_study(history, space)
    names = list(history.search.objectives)
    if not 2 <= len(names) <= 3 or not _complete(study):
        return None
    return optuna.visualization.plot_pareto_front(study, target_names=names)


def _branches(history: History, space: Space) -> Iterator[tuple[str, optuna.Study]]:
    """Yield a study per branch of ``method``: only within one do all trials share their axes."""
    trials = history.of_kind(Kind.TRIAL) if space.has_branches else []
    for branch in dict.fromkeys(trial.values["method"] for trial in trials) or [""]:
        yield branch, build_study(history, space, branch=branch)


def _complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [trial for trial in study.trials if trial.state is TrialState.COMPLETE]


def _parameters(study: optuna.Study) -> list[str]:
    return list(dict.fromkeys(name for trial in _complete(study) for name in trial.params))


def _levels(study: optuna.Study, name: str) -> int:
    return len({trial.params.get(name) for trial in _complete(study)})


def _first_of_several(study: optuna.Study) -> Any:
    """Return a target for Optuna where there are several objectives: the first decides."""
    return (lambda trial: trial.values[0]) if len(study.directions) > 1 else None
