"""Every warm start over past runs: what it proposes, what it refuses, and in which words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autopeft.bridge import WARM_STARTS, make_opening
from autopeft.bridge.past import cube_in
from autopeft.core.errors import InputError
from autopeft.searchers import Proposal
from autopeft.spec.load import load_sweep
from autopeft.spec.space import active_axes
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Opening
from autopeft.sweep.searching import searcher_of
from tests.bridge.conftest import SPEC, peak

RATE, RANK, WARMUP = "method.learning_rate", "method.rank", "training.warmup_steps"
FROM_RUNS = [kind for kind in WARM_STARTS if kind != "bridge"]
BRANCHED = {
    **SPEC,
    "method": {
        "any_of": [
            {"kind": "lora", "rank": {"one_of": [1, 2, 4, 8]}, "learning_rate": "search"},
            {"kind": "ia3", "learning_rate": "search"},
        ]
    },
}


def sweep_with(spec: dict[str, Any] = SPEC, searcher: str = "random", **warm_start: Any) -> Sweep:
    search = {**spec["search"], "searcher": {"kind": searcher}, "warm_start": warm_start}
    return load_sweep({**spec, "search": search})


def opening_of(**warm_start: Any) -> Opening:
    found = make_opening(sweep_with(**warm_start))
    assert found is not None
    return found


def problems(**warm_start: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        make_opening(sweep_with(**warm_start))
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize("kind", FROM_RUNS)
@pytest.mark.parametrize("spec", [SPEC, BRANCHED], ids=["one method", "two methods"])
def test_first_points_lie_in_the_space_and_the_same_runs_give_the_same(past, kind, spec):
    for index, rate in enumerate((0.2, 0.4)):
        past(f"old{index}", peak(learning_rate=rate), spec=spec, seed=index)
    runs = [str(Path(past("x", peak()).path).parent / "old*")]
    sweep = sweep_with(spec, kind=kind, runs=runs)
    opening = make_opening(sweep)
    assert opening == make_opening(sweep)
    assert [name[:4] for name in opening.sources] == ["old0", "old1"]
    for cube in opening.first:
        active = {axis.name for axis in active_axes(sweep.space.axes, cube)}
        assert cube.keys() == active
        assert all(0 <= x <= 1 for x in cube.values())
    searcher, asked = searcher_of(sweep, opening), []
    for _ in opening.first:
        asked.append(searcher.ask())
    assert [dict(proposal.cube) for proposal in asked] == list(opening.first)


def test_the_best_of_each_run_come_first_in_turn(past):
    first, second = past("a", peak(learning_rate=0.2)), past("b", peak(learning_rate=0.8), seed=1)
    opening = opening_of(kind="best_of_history", runs=[str(first.path), str(second.path)], points=3)
    ranked = [first.history().ranked(), second.history().ranked()]
    expected = [ranked[0][0].cube, ranked[1][0].cube, ranked[0][1].cube]
    assert [dict(cube) for cube in opening.first] == [pytest.approx(cube) for cube in expected]


def test_a_point_of_two_runs_comes_once(past):
    runs = [str(past(name, peak(learning_rate=0.2)).path) for name in ("a", "b")]
    opening = opening_of(kind="best_of_history", runs=runs, points=4)
    assert len({tuple(cube.items()) for cube in opening.first}) == 4


def test_the_box_holds_every_best_point_and_its_middle_begins_a_simplex(past):
    runs = [past(f"r{k}", peak(learning_rate=0.3 + k / 20), seed=k) for k in range(4)]
    opening = opening_of(kind="bounding_box", runs=[str(run.path) for run in runs], margin=0.0)
    best = [run.history().best.cube[RATE] for run in runs]
    assert opening.box[RATE] == pytest.approx((min(best), max(best)), abs=0.1)
    assert opening.box[RATE][0] <= min(best) + 1e-12
    assert max(best) <= opening.box[RATE][1] + 1e-12
    sweep = sweep_with(searcher="nelder-mead", kind="bounding_box", runs=[str(runs[0].path)])
    searcher = searcher_of(sweep, opening)
    simplex = [dict(searcher.ask().cube)[RATE] for _ in range(4)]
    assert np.mean(simplex) == pytest.approx(opening.mean[RATE], abs=0.1)


def test_quantiles_follow_what_ranks_high_in_all_runs_whatever_their_scale(past):
    near, far = peak(learning_rate=0.25), peak(learning_rate=0.25)
    runs = [
        past("a", near, count=60),
        past("b", lambda cube: 1e6 * far(cube), count=60, seed=1),
    ]
    opening = opening_of(kind="quantiles", runs=[str(run.path) for run in runs], points=8)
    rates = [cube[RATE] for cube in opening.first]
    assert len(opening.first) == 8
    assert float(np.median(np.abs(np.asarray(rates) - 0.25))) < 0.12


def test_a_portfolio_serves_runs_whose_optima_lie_apart(past):
    runs = [
        past("a", peak(learning_rate=0.1), count=40),
        past("b", peak(learning_rate=0.9), count=40, seed=1),
    ]
    opening = opening_of(kind="zero_shot", runs=[str(run.path) for run in runs], points=3)
    rates = [cube[RATE] for cube in opening.first]
    assert min(rates) < 0.3
    assert max(rates) > 0.7


def test_a_run_of_another_space_gives_partial_points(past):
    other = {**SPEC, "training": {"batch_size": {"low": 8, "high": 32, "step": 8}}}
    run = past("other", peak(learning_rate=0.2), spec=other)
    opening = opening_of(kind="best_of_history", runs=[str(run.path)], points=1)
    assert opening.first[0].keys() == {RATE, RANK}
    searcher = searcher_of(sweep_with(kind="best_of_history", runs=[str(run.path)]), opening)
    proposal = searcher.ask()
    assert isinstance(proposal, Proposal)
    assert proposal.cube.keys() == {RATE, RANK, WARMUP}
    assert proposal.cube[RATE] == opening.first[0][RATE]


def test_a_past_value_outside_the_new_range_is_left_out(past):
    narrow = {**SPEC, "method": {**SPEC["method"], "rank": {"one_of": [2, 4]}}}
    run = past("wide", peak(rank=0.9), count=40)
    best = run.history().best
    assert best.values[RANK] == 8
    found = cube_in(load_sweep(narrow).space, best.values)
    assert RANK not in found
    assert RATE in found


def test_every_problem_of_a_warm_start_is_said_at_once(past, tmp_path):
    good = past("good", peak())
    lower = {**SPEC, "search": {**SPEC["search"], "objectives": {"loss": "min"}}}
    runs = [
        str(good.path).replace("good", "goood"),
        str(past("loss", peak(), spec=lower).path),
        str(past("empty", peak(), count=0).path),
        str(past("else", peak(), spec={**SPEC, "method": {"kind": "ia3"}, "training": {}}).path),
    ]
    found = problems(kind="best_of_history", runs=runs)
    assert len(found) == 4
    assert found[0].startswith("search.warm_start.runs[0]: ")
    assert f"did you mean '{good.path.name}'?" in found[0]
    assert "searched for loss (min), this sweep for accuracy (max)" in found[1]
    assert "no trial that ran to its end" in found[2]
    assert "shares no parameter with this space; it searched nothing" in found[3]


@pytest.mark.parametrize(
    ("warm_start", "words"),
    [
        ({"kind": "quantile", "runs": ["a"]}, "named 'quantile'; did you mean 'quantiles'?"),
        ({"kind": "quantiles"}, "runs: missing"),
        ({"kind": "quantiles", "runs": "a"}, "a list would be right"),
        ({"kind": "quantiles", "runs": ["a"], "point": 3}, "did you mean 'points'?"),
    ],
)
def test_a_wrong_warm_start_is_said_in_words(warm_start, words):
    with pytest.raises(InputError) as caught:
        sweep_with(**warm_start)
    assert words in str(caught.value)


def test_a_grid_cannot_be_narrowed():
    with pytest.raises(InputError, match="grid searches all of it"):
        sweep_with(searcher="grid", kind="bounding_box", runs=["a"])


def test_runs_are_found_beside_the_search_file(past, tmp_path, monkeypatch):
    run = past("old", peak(learning_rate=0.2))
    file = tmp_path / "search.yaml"
    text = "name: a\ntask: {data: {kind: procedural}}\nmethod: {kind: lora, rank: search}\nsearch: "
    file.write_text(f"{text}{{warm_start: {{kind: quantiles, runs: ['runs/{run.path.name}']}}}}\n")
    monkeypatch.chdir("/")
    sweep = load_sweep(file)
    assert sweep.settings.search.warm_start.runs == (str(run.path),)
    assert make_opening(sweep).sources == (run.path.name,)
