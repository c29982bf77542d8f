"""Mistakes hide no other mistakes: told together, they are what each of them is told alone."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autopeft.core.errors import InputError
from autopeft.sweep import preflight

RIGHT = {
    "name": "a",
    "task": {"data": {"kind": "procedural"}},
    "method": {"kind": "lora", "rank": {"one_of": [1, 2, 4]}, "learning_rate": "search"},
    "training": {"steps": 20, "weight_decay": {"low": 0, "high": 1}},
    "search": {"scheduler": {"kind": "asha", "grace_steps": 10}},
}
COMMAND = {
    "name": "a",
    "task": {
        "kind": "command",
        "command": ["true", "{x}"],
        "parameters": {"x": {"low": 0, "high": 1}},
    },
}

# What may stand at a place of the file, each wrong for a reason of its own.
MISTAKES: dict[str, tuple[Any, ...]] = {
    "name": ("x y", 3),
    "seed": (-1,),
    "task.kind": ("contrastiv",),
    "task.data": (
        {"kind": "folder", "path": "/nowhere"},
        {"kind": "folder", "path": "/nowhere", "clips": "3"},
        {"kind": "folder", "path": 3},
        {"kind": "procedural", "domain": "worksop"},
        {"kind": "procedurall"},
    ),
    "task.prompt": ("no word in braces",),
    "model.base": ("/nowhere/base", "autopeft/tiny-clip", {"one_of": ["/nowhere/a", 3]}),
    "method.rank": ({"low": 16, "high": 8}, "many"),
    "method.learning_rte": (1,),
    "method.roles": ("audio.atention",),
    "training.batch_size": ("3",),
    "training.schedule": ("cosin",),
    "search.trials": (-2,),
    "search.objectives": ({"acuracy": "max"}, {"accuracy": "maximum"}),
    "search.constraints": ({"step_second": {"at_most": 1}},),
    "search.searcher": ({"kind": "neldermead"}, {"kind": "tpe", "startup": 3}),
    "search.scheduler": ({"kind": "ashaa"}, {"kind": "asha", "grace_steps": 40}),
    "search.first_points": ([{"training.weight_decay": 3}], [{"nothing.at_all": 3}]),
    "resources": ({"cpus": 0}, {"cpus": 9000}),
    "cluster": ("slrm",),
    "tracking": ({"uri": 3},),
    "sarch": ({},),
}
ANY_MISTAKES = st.lists(
    st.sampled_from([(place, value) for place, values in MISTAKES.items() for value in values]),
    min_size=2, max_size=8, unique_by=lambda mistake: mistake[0],
)  # fmt: skip


def told(mistakes: Iterable[tuple[str, Any]], right: dict[str, Any] = RIGHT) -> set[str]:
    """Return everything that is told of a right file into which ``mistakes`` were put."""
    raw: dict[str, Any] = {key: dict(v) if isinstance(v, dict) else v for key, v in right.items()}
    for place, value in mistakes:
        section, _, field = place.partition(".")
        if field:
            raw[section] = {**raw.get(section, {}), field: value}
        else:
            raw[section] = value
    try:
        preflight.load_checked(raw, quick=True)
    except InputError as error:
        # what is known differs with what stands beside it
        return {str(problem).partition(" known: ")[0] for problem in error.problems}
    return set()


def test_what_they_are_put_into_is_right() -> None:
    assert told([]) == told([], COMMAND) == set()


@pytest.mark.parametrize("place", MISTAKES)
def test_every_one_of_them_is_told(place: str) -> None:
    for value in MISTAKES[place]:
        assert told([(place, value)])


def doubtful(together: dict[str, Any]) -> set[str]:
    """Return the places of which nothing may be said while another one is wrong."""
    places: set[str] = set()
    if "cluster" in together:
        places.add("resources")  # another machine's are not known here
    if {"task.data", "task.prompt"} & together.keys():
        places.add("search.first_points")
    if any(place.startswith(("method.", "training.", "model.")) for place in together):
        places.add("search.first_points")
    return places


@settings(max_examples=40)
@example([("task.prompt", "no word in braces"), ("model.base", "/nowhere/base")])
@given(ANY_MISTAKES)
def test_together_they_are_what_each_of_them_is_alone(mistakes: list[tuple[str, Any]]) -> None:
    alone = {place: told([(place, value)]) for place, value in mistakes}
    together = told(mistakes)
    assert together <= set().union(*alone.values())
    sure = alone.keys() - doubtful(dict(mistakes))
    assert together >= set().union(*(alone[place] for place in sure))


WRONG_TWICE = {"kind": "lora", "rank": -1, "dropout": 2}


@pytest.mark.parametrize(
    ("section", "value", "told_of"),
    [
        ("method", {"any_of": [{"kind": "loraa"}, WRONG_TWICE]}, ("loraa", "rank", "dropout")),
        ("method", {"any_of": [WRONG_TWICE, {"kind": "lora"}]}, ("rank", "dropout", "branches")),
        ("method", {"parts": [{"kind": "loraa"}, WRONG_TWICE]}, ("loraa", "rank", "dropout")),
        (
            "method",
            {"any_of": [{"kind": "lora", "rank": 4}, {"kind": "lora", "rank": -2, "alpha": 3}]},
            ("two branches", "rank", "alpha"),
        ),
        ("model", {"base": "/nowhere/base", "bass": 1}, ("no folder /nowhere/base", "bass")),
        ("model", {"base": "/nowhere/base", "revision": 3}, ("/nowhere/base", "revision")),
    ],
)  # fmt: skip
def test_a_section_wrong_in_several_ways_hides_no_other(
    section: str, value: dict[str, Any], told_of: tuple[str, ...]
) -> None:
    alone = told([(section, value)])
    assert len(alone) == len(told_of)
    assert all(any(words in line for line in alone) for words in told_of)
    others = [
        ("task.data", {"kind": "folder", "path": "/nowhere"}),
        ("search.objectives", {"acuracy": "max"}),
        ("search.trials", -2),
    ]
    assert told([(section, value), *others]) == alone.union(*(told([other]) for other in others))


def test_overrides_that_are_none_hide_no_other() -> None:
    with pytest.raises(InputError) as error:
        preflight.load_checked(
            RIGHT, ["search.trials=abc", "name=", "=3", "search.baselines", "seed=[1"]
        )
    found = "\n".join(map(str, error.value.problems))
    assert len(error.value.problems) == 5
    assert all(
        words in found
        for words in (
            "search.trials: found 'abc'", "name: ", "=3: not an override",
            "search.baselines: not an override", "seed: cannot be set",
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("task", "also"),
    [
        ({"command": "rm"}, []),
        ({"parameters": {"x": "search"}}, []),
        ({"folder": "/nowhere", "steps": "many"}, ["there is no folder /nowhere"]),
    ],
)
def test_of_a_program_that_is_wrong_nothing_is_made_up(
    task: dict[str, Any], also: list[str]
) -> None:
    raw = {**COMMAND, "task": {**COMMAND["task"], **task}}
    found = told([("resources", {"cpus": 9000}), ("search.trials", 0)], raw)
    assert len(found) == 3 + len(also)
    assert all(any(words in line for line in found) for words in also)
