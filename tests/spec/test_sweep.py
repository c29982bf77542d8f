from typing import Any

import pytest
from pydantic import ValidationError

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep
from autopeft.spec.search import Constraint
from autopeft.spec.sweep import Sweep, read_sweep
from autopeft.spec.task import METRICS

TREE: dict[str, Any] = {
    "name": "a",
    "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
    "method": {"kind": "lora", "rank": "search"},
}


def test_the_defaults_are_a_whole_search() -> None:
    sweep = load_sweep(TREE)
    search = sweep.settings.search
    assert (search.searcher.kind, search.scheduler.kind, search.trials) == ("tpe", "asha", 24)
    assert search.objectives == {"accuracy": "max"}
    assert sweep.settings.cluster == "local"


def test_raw_is_plain_data_that_makes_the_same_sweep() -> None:
    sweep = load_sweep(TREE)
    again, wrong, rest = read_sweep(sweep.raw)
    assert (wrong, rest) == ((), None)
    assert isinstance(again, Sweep)
    assert again.template == sweep.template


def test_a_record_cannot_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_sweep(TREE).settings.search.trials = 9  # type: ignore[misc]


def test_options_without_a_kind_are_of_the_default() -> None:
    search = load_sweep(TREE, ["search.scheduler.grace_steps=20"]).settings.search
    assert (search.scheduler.kind, search.scheduler.grace_steps) == ("asha", 20)
    with pytest.raises(InputError, match="unknown key 'popsize'"):
        load_sweep(TREE, ["search.searcher.popsize=20"])


def test_nothing_at_all_is_answered_too() -> None:
    with pytest.raises(InputError) as caught:
        load_sweep({})
    assert [problem.path for problem in caught.value.problems] == ["method", "name", "task.data"]


def test_several_objectives_and_bounds_are_fine() -> None:
    search = {
        "objectives": {"accuracy": "max", "source_accuracy": "max"},
        "scheduler": {"kind": "none"},
        "constraints": {"trainable_parameters": {"at_most": 50_000}, "loss": {"at_most": 3}},
    }
    settings = load_sweep({**TREE, "search": search}).settings
    assert list(settings.search.objectives) == ["accuracy", "source_accuracy"]


@pytest.mark.parametrize(
    ("bound", "value", "violation"),
    [
        (Constraint(at_most=3), 5, 2),
        (Constraint(at_most=3), 3, 0),
        (Constraint(at_least=3), 1, 2),
        (Constraint(at_least=1, at_most=3), 2, -1),
    ],
)
def test_a_bound_says_by_how_much_it_is_broken(
    bound: Constraint, value: float, violation: float
) -> None:
    assert bound.violation(value) == violation


def test_every_metric_of_the_task_can_be_an_objective() -> None:
    for metric in METRICS["contrastive"]:
        search = {"objectives": {metric: "max"}, "scheduler": {"kind": "none"}}
        assert load_sweep({**TREE, "search": search}).settings.search.objectives == {metric: "max"}


def test_the_words_of_the_spec_are_those_of_the_rooms() -> None:
    from typing import get_args

    from autopeft.data.procedural import DOMAINS
    from autopeft.methods import METHODS
    from autopeft.schedulers import SCHEDULERS
    from autopeft.searchers import SEARCHERS
    from autopeft.spec.data import ProceduralData
    from autopeft.spec.method import METHOD_RECORDS

    assert get_args(ProceduralData.model_fields["domain"].annotation) == tuple(DOMAINS)
    assert METHOD_RECORDS.keys() == set(METHODS)
    assert {"random", "tpe"} <= set(SEARCHERS)
    assert {"none", "asha"} <= set(SCHEDULERS)


@pytest.mark.parametrize(
    "more", [{"seed": 2**32}, {"search": {"searcher": {"kind": "tpe", "seed": 2**40}}}]
)
def test_a_seed_that_nobody_can_draw_from_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"seed: .*at most 4e\+09"):
        load_sweep({**TREE, **more})
