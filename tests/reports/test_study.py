"""The history as an Optuna study: nothing lost, nothing made up."""

from collections.abc import Callable

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from autopeft.reports.study import build_study, distribution
from autopeft.spec.space import Dimension
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.run_folder import RunFolder

DIMENSIONS = (
    Dimension("rate", "float", 1e-4, 1e-2, log=True),
    Dimension("part", "float", 0.0, 1.0, step=0.25),
    Dimension("any", "float", -1.0, 3.0),
    Dimension("width", "int", 4, 64, log=True),
    Dimension("depth", "int", 2, 10, step=2),
    Dimension("rank", "choice", choices=(1, 2, 4)),
    Dimension("roles", "choice", choices=("a", None, True), ordered=False),
)


def test_states_values_and_curves_are_those_of_the_journal(finished: RunFolder) -> None:
    history, space = finished.history(), finished.sweep().space
    study = build_study(history, space)
    trials = history.of_kind(Kind.TRIAL)
    assert [t.number for t in study.trials] == [t.number for t in trials]
    for ours, theirs in zip(trials, study.trials, strict=True):
        assert dict(theirs.params) == ours.values
        assert theirs.intermediate_values == {p.step: p.metrics["accuracy"] for p in ours.reports}
        if ours.status is Status.FINISHED:
            assert theirs.value == ours.metrics["accuracy"]
        expected = {Status.FINISHED: TrialState.COMPLETE, Status.STOPPED: TrialState.PRUNED}
        assert theirs.state is expected.get(ours.status, TrialState.FAIL)
    assert history.best is not None
    assert study.best_trial.user_attrs["trial"] == history.best.id


def test_a_branch_keeps_its_own_trials_and_short_names(finished: RunFolder) -> None:
    study = build_study(finished.history(), finished.sweep().space, branch="lora")
    assert study.trials
    assert {name for t in study.trials for name in t.params} == {"learning_rate", "rank", "roles"}


def test_several_objectives_make_a_front(write_sweep: Callable[..., RunFolder]) -> None:
    run = write_sweep(objectives={"accuracy": "max", "loss": "min"})
    study = build_study(run.history(), run.sweep().space)
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert len(study.best_trials) >= 1


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda d: d.name)
@given(position=st.floats(0, 1))
def test_every_value_of_a_dimension_is_in_its_distribution(
    dimension: Dimension, position: float
) -> None:
    value = dimension.value(position)
    optuna.trial.create_trial(
        value=0.0,
        params={dimension.name: value},
        distributions={dimension.name: distribution(dimension)},
    )
