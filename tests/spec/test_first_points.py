"""Points to begin with: judged where they stand, put into the cube as they are."""

from collections.abc import Callable
from typing import Any

import pytest

from autopeft.core.errors import InputError
from autopeft.searchers import SEARCHERS, Proposal
from autopeft.spec.first_points import first_cubes, with_choices
from autopeft.spec.load import load_sweep
from autopeft.spec.space import Dimension, Space
from autopeft.sweep.plan import make_plan
from autopeft.sweep.searching import searcher_of

TREE: dict[str, Any] = {
    "name": "a",
    "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
    "method": {
        "kind": "lora",
        "rank": {"one_of": [1, 2, 4]},
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    },
    "training": {"batch_size": {"low": 8, "high": 32, "step": 8}},
}
BRANCHED: dict[str, Any] = {
    **TREE,
    "method": {
        "any_of": [
            {"kind": "lora", "rank": {"one_of": [1, 2]}, "learning_rate": "search"},
            {"kind": "ia3", "learning_rate": "search"},
        ]
    },
}


def problems(points: Any, tree: dict[str, Any] = TREE) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_sweep({**tree, "search": {"first_points": points}})
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


SPACE = Space(
    (
        Dimension("method", "choice", choices=("lora", "ia3"), ordered=False),
        Dimension("method.lora.rank", "int", 1, 64, log=True, when=("method", 0)),
        Dimension("method.ia3.rate", "float", 1e-5, 1e-1, log=True, when=("method", 1)),
        Dimension("dropout", "float", 0.0, 0.5),
        Dimension("batch", "int", 8, 64, step=8),
    )
)


@pytest.mark.parametrize(
    "point",
    [
        {"method": "lora", "method.lora.rank": 12, "dropout": 0.1, "batch": 24},
        {"method": "ia3", "method.ia3.rate": 3e-4, "dropout": 0.3, "batch": 64},
        {"method": "ia3", "method.ia3.rate": 0.1, "dropout": 0.0, "batch": 8},
    ],
)
def test_a_point_comes_out_of_the_cube_as_it_was_put_in(point: dict[str, Any]) -> None:
    assert SPACE.decode(first_cubes([point], SPACE)[0]) == point


def test_a_logarithmic_value_lies_where_its_logarithm_does() -> None:
    assert first_cubes([{"method.ia3.rate": 1e-3}], SPACE)[0]["method.ia3.rate"] == pytest.approx(
        0.5
    )


def test_a_parameter_implies_its_branch() -> None:
    assert with_choices({"method.lora.rank": 3}, SPACE)["method"] == "lora"
    assert first_cubes([{"method.ia3.rate": 1e-3}], SPACE)[0]["method"] == 0.75
    assert first_cubes([{"dropout": 0.2}], SPACE)[0].keys() == {"dropout"}


@pytest.mark.parametrize("kind", sorted(SEARCHERS))
def test_every_searcher_begins_with_them(kind: str) -> None:
    points = [
        {"method.ia3.learning_rate": 1e-3, "training.batch_size": 16},
        {"method.lora.rank": 2},
        {"method": "lora", "training.batch_size": 32},
    ]
    search = {"searcher": {"kind": kind}, "first_points": points}
    sweep = load_sweep({**BRANCHED, "search": search})
    searcher = searcher_of(sweep)
    for point in points:
        proposal = searcher.ask()
        assert isinstance(proposal, Proposal)
        values = sweep.space.decode(proposal.cube)
        assert {**values, **with_choices(point, sweep.space)} == values


def test_the_plan_shows_them() -> None:
    search = {"first_points": [{"method.rank": 4, "method.learning_rate": 3e-4}]}
    first = make_plan(load_sweep({**TREE, "search": search})).first[0]
    assert (first["method.rank"], first["method.learning_rate"]) == (4, 3e-4)


@pytest.mark.parametrize(
    ("point", "complaint"),
    [
        ({"method.rnak": 4}, "method.rnak: no parameter named 'method.rnak' is searched; did you "
         "mean 'method.rank'? known: training.batch_size, method.rank, method.learning_rate"),
        ({"rank": 4}, "rank: no parameter named 'rank' is searched; write method.rank"),
        ({"method.rank": 3}, "method.rank: found 3; one of 1, 2, 4 would be right"),
        ({"method.rank": None}, "method.rank: found null; one of 1, 2, 4 would be right"),
        ({"method.learning_rate": 1}, "method.learning_rate: 1 is outside; a number from 0.0001 to "
         "0.01 would be right"),
        ({"method.learning_rate": "1e-3"}, "method.learning_rate: found '1e-3'; a number from "
         "0.0001 to 0.01 would be right"),
        ({"method.learning_rate": True}, "method.learning_rate: found true; a number from 0.0001 "
         "to 0.01 would be right"),
        ({"training.batch_size": 12}, "training.batch_size: 12 is not on the grid; the nearest is "
         "8"),
        ({"training.batch_size": 8.5}, "training.batch_size: found 8.5; a whole number from 8 to "
         "32 would be right"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_is_right(point: dict[str, Any], complaint: str) -> None:
    assert problems([{}, point]) == [f"search.first_points[1].{complaint}"]


def test_points_of_two_branches_at_once_are_refused() -> None:
    both = {"method.lora.rank": 1, "method.ia3.learning_rate": 1e-3}
    assert problems([both], BRANCHED) == [
        "search.first_points[0].method.ia3.learning_rate: belongs to method 'ia3', but "
        "method.lora.rank makes method 'lora'; a point has the parameters of one branch"
    ]
    assert problems([{"method": "ia3", "method.lora.rank": 1}], BRANCHED) == [
        "search.first_points[0].method.lora.rank: belongs to method 'lora', but method is 'ia3' "
        "here; a point has the parameters of one branch"
    ]


def test_no_list_is_said_too() -> None:
    assert "a list would be right" in problems({"method.rank": 4})[0]
    assert "a mapping" in problems([4])[0]


def test_a_fixed_parameter_is_not_a_first_points() -> None:
    tree = {**TREE, "method": {"kind": "lora", "rank": 4}, "training": {}}
    assert "nothing is searched" in problems([{"method.rank": 4}], tree)[0]


def test_the_line_is_named(problems_of: Callable[..., list[str]]) -> None:
    text = """\
name: small
task:
  kind: contrastive
  data: {kind: procedural, clips: 280}
method:
  kind: lora
  rank: {one_of: [1, 2, 4]}
training: {steps: 40}
search:
  trials: 6
  first_points:
    - {method.rank: 2}
    - method.rank: 3
"""
    assert problems_of(text) == [
        "search.yaml:13  search.first_points[1].method.rank: found 3; one of 1, 2, 4 would be right"
    ]
