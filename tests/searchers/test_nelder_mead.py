"""Nelder and Mead's search: branches, outcomes of all kinds, workers, first points, priors."""

import json
import math
import pickle
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopeft.searchers import (
    Done,
    Failed,
    Interim,
    Outcome,
    Prior,
    Proposal,
    Pruned,
    Setting,
    Value,
    Wait,
)
from autopeft.searchers.nelder_mead import NelderMead
from autopeft.spec.searcher import NelderMeadSearcher
from autopeft.spec.space import Axis, Cube, active_axes

PLANE = (Axis("x"), Axis("y"))
BRANCHED = (
    Axis("method", levels=2, ordered=False),
    Axis("rank", levels=4, when=("method", 0)),
    Axis("rate", when=("method", 0)),
    Axis("scale", when=("method", 1)),
    Axis("warmup"),
)
LEVELS = (
    Axis("kind", levels=2, ordered=False),
    Axis("a", levels=2, when=("kind", 0)),
    Axis("b", levels=3),
)
FILLERS = ("random", "tpe", "cmaes")


def make(axes: tuple[Axis, ...] = PLANE, **more: Any) -> NelderMead:
    names = ("seed", "first", "prior")
    directions = (more.pop("direction", "min"),)
    own = {name: more.pop(name) for name in names if name in more}
    setting = Setting(axes, directions, **{"seed": 0, **own})
    return NelderMead(NelderMeadSearcher(**more), setting)


def bowl(cube: Cube) -> float:
    return sum((x - 0.3) ** 2 for x in cube.values())


def asked(searcher: NelderMead) -> Proposal:
    proposal = searcher.ask()
    assert isinstance(proposal, Proposal), proposal
    return proposal


def told(searcher: NelderMead, f: Callable[[Cube], float] = bowl) -> Proposal:
    proposal = asked(searcher)
    searcher.tell(proposal.number, Value((f(proposal.cube),)))
    return proposal


def best(searcher: NelderMead, count: int, f: Callable[[Cube], float] = bowl) -> float:
    return min(f(told(searcher, f).cube) for _ in range(count))


# Traces


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("seed", [0, 42])
def test_random_and_serial_it_begins_as_aiaccel_does(d: int, seed: int) -> None:
    axes = tuple(Axis(f"x{i}") for i in range(d))
    searcher = make(axes, initial="random", parallel=False, seed=seed)
    first = [list(asked(searcher).cube.values()) for _ in range(d + 1)]
    assert np.array_equal(first, np.random.RandomState(seed).uniform(0, 1, (d + 1, d)))
    assert isinstance(searcher.ask(), Wait)


@pytest.mark.parametrize("parallel", [True, False])
def test_the_greatest_is_found_where_the_least_of_the_mirror_image_is(parallel: bool) -> None:
    least, greatest = make(parallel=parallel), make(parallel=parallel, direction="max")
    for _ in range(80):
        one = told(least)
        assert one.cube == told(greatest, lambda cube: -bowl(cube)).cube


# Workers


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("axes", [PLANE, BRANCHED, PLANE[:1]], ids=["plane", "branched", "line"])
def test_ten_workers_never_idle(axes: tuple[Axis, ...], filler: str) -> None:
    searcher = make(axes, filler=filler)
    assert [asked(searcher).number for _ in range(10)] == list(range(10))
    for number in range(10):
        searcher.tell(number, Value((number,)))
    assert [asked(searcher).number for _ in range(30)] == list(range(10, 40))


def test_one_at_a_time_it_waits_for_what_it_needs() -> None:
    searcher = make(parallel=False)
    points = [asked(searcher) for _ in range(3)]
    assert isinstance(searcher.ask(), Wait)
    for point in points:
        searcher.tell(point.number, Value((bowl(point.cube),)))
    assert asked(searcher).number == 3
    assert isinstance(searcher.ask(), Wait)


SMALL = (Axis("x", levels=3), Axis("y", levels=3))


@settings(max_examples=20)
@given(
    st.sampled_from([PLANE, BRANCHED, LEVELS, SMALL]),
    st.sampled_from([True, False]),
    st.integers(0, 99),
)
def test_to_ask_in_vain_leaves_no_trace(axes: tuple[Axis, ...], parallel: bool, seed: int) -> None:
    """A resumed sweep replays what was proposed, and not how often it was asked."""
    patient, eager = (make(axes, parallel=parallel, seed=seed) for _ in range(2))
    dice = random.Random(seed)
    out: list[Proposal] = []
    for _ in range(50):
        answer = eager.ask() if len(out) < 4 else Wait()
        if isinstance(answer, Proposal):
            assert patient.ask() == answer
            out.append(answer)
        elif out:
            proposal = out.pop(dice.randrange(len(out)))
            value = (bowl(proposal.cube),)
            pauses = dice.random() < 0.3
            if pauses:
                out.append(proposal)
            for searcher in (patient, eager):
                searcher.tell(proposal.number, Interim(value, 1) if pauses else Value(value))
        assert eager.state() == patient.state()


@settings(max_examples=12)
@given(
    st.sampled_from([PLANE, BRANCHED]),
    st.sampled_from([True, False]),
    st.integers(0, 99),
    st.integers(1, 10),
)
def test_whatever_comes_of_points_there_is_always_another(
    axes: tuple[Axis, ...], parallel: bool, seed: int, workers: int
) -> None:
    searcher, dice = make(axes, parallel=parallel, seed=seed), random.Random(seed)
    out: list[Proposal] = []
    for _ in range(70):
        answer = searcher.ask() if len(out) < workers else Wait()
        if isinstance(answer, Proposal):
            assert set(answer.cube) == {axis.name for axis in active_axes(axes, answer.cube)}
            out.append(answer)
        else:
            assert out, "waits for nothing"
            assert isinstance(answer, Wait)
            proposal = out.pop(dice.randrange(len(out)))
            searcher.tell(proposal.number, odd_or_value(bowl(proposal.cube), dice))
    again = make(axes, parallel=parallel, seed=seed)
    again.load(json.loads(json.dumps(searcher.state())))
    assert json.dumps(again.state()) == json.dumps(searcher.state())
    assert again.ask() == searcher.ask()


def odd_or_value(value: float, dice: random.Random) -> Outcome:
    return dice.choice(
        [
            Value((value,)),
            Value((value,)),
            Value((value,), violations=(dice.random() - 0.5,)),
            Value((value,), violations=(math.nan,)),
            Value((dice.choice([math.nan, math.inf, -math.inf]),)),
            Pruned((value,), 3),
            Failed("out of memory"),
        ]
    )


def test_slow_trials_hold_nobody_up() -> None:
    searcher, rng = make(), np.random.default_rng(0)
    slow = [asked(searcher) for _ in range(2)]
    values = [bowl(told(searcher).cube) for _ in range(120)]
    assert min(values) < 1e-7
    for proposal in slow:
        searcher.tell(proposal.number, Value((bowl(proposal.cube) + rng.random(),)))
    assert asked(searcher)


def test_it_pickles() -> None:
    searcher = make()
    best(searcher, 20)
    assert pickle.loads(pickle.dumps(searcher)).ask() == searcher.ask()


# Outcomes


def test_what_was_stopped_early_is_never_better_than_what_was_not() -> None:
    searcher = make()
    for proposal in [asked(searcher) for _ in range(3)]:
        searcher.tell(proposal.number, Value((1.0 + proposal.number,)))
    promising = asked(searcher)
    searcher.tell(promising.number, Pruned((-5.0,), 2))
    walk = searcher.state()["walks"][0][1]
    assert min(loss for _, loss in walk["results"]) == 1.0


def test_what_was_stopped_early_counts_where_nothing_else_is_known() -> None:
    searcher = make()
    searcher.tell(asked(searcher).number, Failed("no"))
    searcher.tell(asked(searcher).number, Pruned((5.0,), 2))
    found = searcher.state()["results"]["found"][0][1]
    assert [float(loss) for _, loss in found] == [math.inf, 5.0]


def test_a_paused_trial_has_one_result_and_its_last_value() -> None:
    searcher = make()
    first = asked(searcher)
    searcher.tell(first.number, Interim((5.0,), 2))
    assert asked(searcher).cube != first.cube, "its point has been tried"
    searcher.tell(first.number, Interim((4.0,), 4))
    searcher.tell(first.number, Value((1.0,)))
    searcher.tell(first.number, Value((-9.0,)))
    state = searcher.state()
    assert [loss for _, loss in state["results"]["found"][0][1]] == [1.0]
    assert [loss for _, loss in state["walks"][0][1]["results"]] == [1.0]
    assert state["paused"] == state["results"]["paused"] == []


@pytest.mark.parametrize("parallel", [True, False])
def test_two_proposals_of_one_point_pause_and_end_each_with_its_own(parallel: bool) -> None:
    """A duplicate hears what its twin comes to; its branch's simplex begins only afterwards."""
    axes = (Axis("method", levels=2, ordered=False), Axis("x"))
    point = {"method": 0.25, "x": 0.5}
    searcher = make(axes, parallel=parallel, first=(point, point))
    twins = [asked(searcher) for _ in range(2)]
    assert [twin.cube for twin in twins] == [point, point]
    for twin in twins:
        searcher.tell(twin.number, Interim((0.5,), 1))
    for _ in range(14):
        proposal = asked(searcher)
        searcher.tell(proposal.number, Value((1 + proposal.cube["x"],)))
    for twin in twins:
        searcher.tell(twin.number, Value((0.05,)))
    found = [pair for _, pairs in searcher.state()["results"]["found"] for pair in pairs]
    assert [loss for place, loss in found if place == [0.5]][:2] == [0.05, 0.05]
    assert asked(searcher)


def test_constraints_come_before_values() -> None:
    """Feasible where x + y is at least 1; the bowl lies outside."""
    searcher = make()
    found = []
    for _ in range(150):
        proposal = asked(searcher)
        broken = 1 - sum(proposal.cube.values())
        searcher.tell(proposal.number, Value((bowl(proposal.cube),), violations=(broken,)))
        if broken <= 0:
            found.append(bowl(proposal.cube))
    assert min(found) == pytest.approx(0.08, abs=1e-4)


def test_a_filler_learns_from_every_result_and_its_own_may_join() -> None:
    searcher = make(PLANE[:1], filler="tpe")
    proposals = [asked(searcher) for _ in range(10)]
    for proposal in reversed(proposals):
        searcher.tell(proposal.number, Value((bowl(proposal.cube),)))
    asked(searcher)
    walk = searcher.state()["walks"][0][1]
    assert walk["simplex"][0][1] == min(bowl(proposal.cube) for proposal in proposals)


# Small spaces


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize(
    "levels", [(1,), (2,), (5,), (2, 2), (1, 1), (4, 3, 2)], ids=lambda levels: str(levels)
)
def test_a_small_space_is_tried_once_and_then_done(levels: tuple[int, ...], parallel: bool) -> None:
    axes = tuple(Axis(f"x{i}", levels=n) for i, n in enumerate(levels))
    searcher, seen = make(axes, parallel=parallel), set()
    while isinstance(answer := searcher.ask(), Proposal):
        seen.add(tuple(answer.cube.values()))
        searcher.tell(answer.number, Value((bowl(answer.cube),)))
        assert answer.number < 4 * math.prod(levels)
    assert len(seen) == math.prod(levels)
    assert isinstance(answer, Done)


@pytest.mark.parametrize("outstanding", [1, 3])
def test_a_small_space_that_is_out_is_done_too(outstanding: int) -> None:
    searcher = make((Axis("x", levels=2),))
    for _ in range(2):
        asked(searcher)
    assert isinstance(searcher.ask(), Done)


@pytest.mark.parametrize("parallel", [True, False])
def test_branches_without_anything_to_walk_along_are_each_tried_once(parallel: bool) -> None:
    searcher = make((Axis("kind", levels=3, ordered=False),), parallel=parallel)
    cubes = [told(searcher).cube["kind"] for _ in range(3)]
    assert len(set(cubes)) == 3
    assert searcher.ask() == Done("every point of the space has been tried")


def test_nothing_to_search_is_one_point() -> None:
    searcher = make(())
    assert told(searcher, lambda cube: 0.0).cube == {}
    assert isinstance(searcher.ask(), Done)


# Ends


@pytest.mark.parametrize("parallel", [True, False])
def test_without_restarts_it_is_done_when_it_has_converged(parallel: bool) -> None:
    searcher, values = make(parallel=parallel, restarts=False), []
    while isinstance(answer := searcher.ask(), Proposal):
        values.append(bowl(answer.cube))
        searcher.tell(answer.number, Value((values[-1],)))
        assert len(values) < 300
    assert answer == Done("the simplex has converged")
    assert min(values) < 1e-8


def test_with_restarts_another_valley_is_found() -> None:
    def two(cube: Cube) -> float:
        near = sum((x - 0.2) ** 2 for x in cube.values())
        far = sum((x - 0.9) ** 2 for x in cube.values())
        return min(near, 3 * far - 0.1)

    assert best(make(seed=1), 300, two) == pytest.approx(-0.1, abs=1e-3)


# Branches


def test_each_branch_has_its_own_simplex_and_the_better_one_gets_more() -> None:
    def second_is_better(cube: Cube) -> float:
        return bowl({k: v for k, v in cube.items() if k != "method"}) - (cube["method"] > 0.5)

    searcher, taken = make(BRANCHED), []
    for _ in range(80):
        taken.append(told(searcher, second_is_better).cube["method"] > 0.5)
    assert 28 < sum(taken[40:]) < 40
    assert 5 < sum(taken[:20]) < 20


@pytest.mark.parametrize("adaptive", [True, False])
def test_both_branches_are_searched_to_their_depth(adaptive: bool) -> None:
    for method in (0.25, 0.75):

        def value(cube: Cube, method: float = method) -> float:
            rest = {name: x for name, x in cube.items() if name not in ("method", "rank")}
            return bowl(rest) + (cube["method"] != method)

        assert best(make(BRANCHED, adaptive=adaptive), 120, value) < 1e-3


# First points and priors


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("initial", ["regular", "random"])
@pytest.mark.parametrize("count", [1, 3, 6])
def test_first_points_come_first_and_join(parallel: bool, initial: str, count: int) -> None:
    rng = np.random.default_rng(0)
    first: list[Mapping[str, float]] = [
        dict(zip("xy", row, strict=True)) for row in rng.random((count, 2))
    ]
    first[-1] = {"y": 0.25}
    searcher = make(first=tuple(first), parallel=parallel, initial=initial)
    cubes = [told(searcher).cube for _ in range(count)]
    assert cubes[:-1] == first[:-1]
    assert cubes[-1]["y"] == 0.25
    later = [told(searcher).cube for _ in range(20)]
    assert not [cube for cube in later if cube in cubes]
    assert min(map(bowl, later)) < min(map(bowl, cubes))


def test_one_given_point_centres_the_simplex() -> None:
    searcher = make(first=({"x": 0.8, "y": 0.2},), size=0.1)
    corners = [list(told(searcher).cube.values()) for _ in range(3)]
    assert corners[0] == [0.8, 0.2]
    assert np.allclose(np.linalg.norm(np.subtract(corners[1:], [0.8, 0.2]), axis=1), 0.1)


@pytest.mark.parametrize(
    "first", [[{"x": 0.4, "y": 0.4}] * 4, [{"x": k / 5, "y": k / 5} for k in range(5)]]
)
def test_given_points_that_span_nothing_are_completed(first: list[Cube]) -> None:
    assert best(make(first=tuple(first)), 70) < 1e-8


@pytest.mark.parametrize("initial", ["regular", "random"])
def test_a_prior_centres_and_sizes_the_first_simplex(initial: str) -> None:
    prior = Prior(mean={"x": 0.7, "y": 0.4}, spread={"x": 0.01, "y": 0.1})
    searcher = make(prior=prior, initial=initial)
    corners = np.asarray([list(asked(searcher).cube.values()) for _ in range(3)])
    assert np.allclose(corners.mean(axis=0), [0.7, 0.4])
    assert np.allclose(np.linalg.norm((corners - [0.7, 0.4]) / [0.01, 0.1], axis=1), 1)


def test_a_prior_of_a_branch_opens_its_simplex() -> None:
    prior = Prior(mean={"scale": 0.7, "warmup": 0.1}, spread={"scale": 0.02, "warmup": 0.02})
    searcher = make(BRANCHED, prior=prior)
    cubes = [told(searcher, lambda cube: -cube["method"]).cube for _ in range(20)]
    near = [
        c for c in cubes if "scale" in c and abs(c["scale"] - 0.7) < 0.03 and c["warmup"] < 0.13
    ]
    assert len(near) >= 3


def test_a_prior_at_a_corner_still_spans() -> None:
    prior = Prior(mean={"x": 0.0, "y": 1.0}, spread={"x": 0.2, "y": 0.2})
    assert best(make(prior=prior), 80) < 1e-8


# Others


def test_a_point_that_is_not_evaluated_is_asked_for_again() -> None:
    searcher = make(parallel=False)
    first = asked(searcher)
    searcher.forget(first.number)
    assert asked(searcher).cube == first.cube


def test_others_results_join() -> None:
    searcher = make()
    for _ in range(5):
        told(searcher)
    searcher.add({"x": 0.3, "y": 0.3}, Value((0.0,)))
    told(searcher)
    assert searcher.state()["walks"][0][1]["simplex"][0] == [[0.3, 0.3], 0.0]
