"""A narrowed space: inside at first, wider where the best lies at the edge, the same after load."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopeft.searchers import (
    Failed,
    Interim,
    Outcome,
    Prior,
    Proposal,
    Pruned,
    Setting,
    Value,
    make_searcher,
)
from autopeft.searchers.narrowed import RESULTS_BETWEEN, Narrowed, Side
from autopeft.spec.searcher import (
    CmaesSearcher,
    NelderMeadSearcher,
    QmcSearcher,
    RandomSearcher,
    SearcherRecord,
    TpeSearcher,
)
from autopeft.spec.space import Axis, Cube, level_of, middle_of

AXES = (
    Axis("method", levels=2, ordered=False),
    Axis("rank", levels=8, when=("method", 0)),
    Axis("rate"),
    Axis("warmup"),
)
BOX = {"method": (0.0, 0.4), "rank": (0.25, 0.5), "rate": (0.1, 0.3)}
NARROWING = [RandomSearcher(), QmcSearcher(), TpeSearcher(startup_trials=3)]
kinds = pytest.mark.parametrize("options", NARROWING, ids=lambda options: options.kind)


def make(
    options: SearcherRecord, *, first: tuple[Cube, ...] = (), direction: str = "min"
) -> Narrowed:
    setting = Setting(AXES, (direction,), seed=3, first=first, box=BOX)  # type: ignore[arg-type]
    searcher = make_searcher(options, setting)
    assert isinstance(searcher, Narrowed)
    return searcher


def told(searcher: Narrowed, outcome: Outcome) -> Cube:
    proposal = searcher.ask()
    assert isinstance(proposal, Proposal)
    searcher.tell(proposal.number, outcome)
    return proposal.cube


@kinds
def test_points_lie_in_the_box_and_a_choice_without_order_is_searched_whole(options):
    searcher, points = make(options), []
    for _ in range(24):
        proposal = searcher.ask()
        assert isinstance(proposal, Proposal)
        points.append(proposal.cube)
        searcher.tell(proposal.number, Failed("nothing to grow by"))
    assert all(0.1 <= cube["rate"] <= 0.3 for cube in points)
    ranks = {level_of(cube["rank"], 8) for cube in points if "rank" in cube}
    assert ranks <= {2, 3}
    assert {cube["method"] for cube in points} == {0.25, 0.75}
    assert max(cube["warmup"] for cube in points) > 0.5


@kinds
@pytest.mark.parametrize("direction", ["min", "max"])
def test_it_widens_until_it_holds_an_optimum_that_lies_outside(options, direction):
    searcher, sign = make(options, direction=direction), 1 if direction == "min" else -1
    for _ in range(80):
        proposal = searcher.ask()
        assert isinstance(proposal, Proposal)
        loss = (proposal.cube["rate"] - 0.7) ** 2
        searcher.tell(proposal.number, Value((sign * loss,)))
    low, high = searcher.box["rate"]
    assert low <= 0.7 <= high


def test_it_stays_as_it_is_while_the_best_lies_inside():
    searcher = make(RandomSearcher(), first=({"rate": 0.2, "method": 0.75, "warmup": 0.5},))
    told(searcher, Value((0.0,)))
    for _ in range(30):
        told(searcher, Value((1.0,)))
    assert searcher.box["rate"] == (0.1, 0.3)


@pytest.mark.parametrize("outcome", [Failed("x"), Pruned((-1e9,), 3), Value((math.nan,))])
def test_what_did_not_run_to_its_end_widens_nothing(outcome):
    searcher = make(RandomSearcher(), first=({"rate": 0.3, "method": 0.75, "warmup": 0.5},))
    told(searcher, outcome)
    for _ in range(10):
        told(searcher, Failed("x"))
    assert searcher.box["rate"] == (0.1, 0.3)


def test_first_points_outside_widen_it_at_once_and_come_as_they_are():
    first = {"method": 0.25, "rank": middle_of(7, 8), "rate": 0.9, "warmup": 0.1}
    searcher = make(RandomSearcher(), first=(first,))
    proposal = searcher.ask()
    assert isinstance(proposal, Proposal)
    assert dict(proposal.cube) == pytest.approx(first)
    assert searcher.box["rate"] == (0.1, 0.9)


@kinds
def test_saved_and_loaded_it_goes_on_as_if_never_interrupted(options):
    whole = make(options)
    interrupted = make(options)
    for step in range(40):
        proposals = [searcher.ask() for searcher in (whole, interrupted)]
        assert proposals[0] == proposals[1]
        if step % 7 != 3:  # late results come after the box has grown
            for searcher in (whole, interrupted):
                searcher.tell(proposals[0].number, Value((-proposals[0].cube["rate"],)))
        if step in (9, 23):
            state = json.loads(json.dumps(interrupted.state()))
            interrupted = make(options)
            interrupted.load(state)
    for searcher in (whole, interrupted):
        searcher.tell(3, Value((-5.0,)))
    assert whole.ask() == interrupted.ask()
    assert whole.box == interrupted.box != BOX


@pytest.mark.parametrize("options", [NelderMeadSearcher(), CmaesSearcher()])
def test_who_takes_a_prior_needs_no_box(options):
    setting = Setting(AXES, ("min",), 0, box=BOX)
    assert not isinstance(make_searcher(options, setting), Narrowed)


def test_cmaes_begins_where_the_prior_points():
    plane = (Axis("x"), Axis("y"), Axis("levels", 5), Axis("kind", 2, ordered=False))
    prior = Prior({"x": 0.8, "levels": 0.1}, {"x": 0.02, "y": 0.02, "levels": 0.02})
    searcher = make_searcher(CmaesSearcher(), Setting(plane, ("min",), 0, prior=prior))
    points = []
    for _ in range(12):
        proposal = searcher.ask()
        assert isinstance(proposal, Proposal)
        searcher.tell(proposal.number, Value((0.0,)))
        points.append(proposal.cube)
    later = points[1:]  # the first is drawn at random
    assert all(abs(cube["x"] - 0.8) < 0.1 for cube in later)
    assert all(abs(cube["y"] - 0.5) < 0.1 for cube in later)
    assert {level_of(cube["levels"], 5) for cube in later} == {0}


@given(
    low=st.floats(0, 0.9), width=st.floats(0.05, 1), x=st.floats(0, 1),
    levels=st.one_of(st.none(), st.integers(1, 12)),
)  # fmt: skip
def test_a_side_keeps_its_points_inside_and_brings_them_back(low, width, x, levels):
    side = Side(Axis("a", levels), low, min(low + width, 1.0))
    out = side.outward(x)
    if levels is None:
        assert side.low - 1e-12 <= out <= side.high + 1e-12
        assert side.inward(out) == pytest.approx(x, abs=1e-9)
    else:
        assert side.first_level <= level_of(out, levels) < side.first_level + (side.levels or 0)
        assert level_of(side.inward(out), side.levels or 1) == level_of(x, side.levels or 1)


@kinds
def test_a_point_of_elsewhere_counts_with_its_own_result(options):
    """What a journal holds is adopted, inside the box or not, under any number."""
    searcher = make(options)
    proposal = searcher.ask()
    assert isinstance(proposal, Proposal)
    elsewhere = {"method": 0.75, "rate": 0.9, "warmup": 0.5}
    searcher.adopt(proposal.number, elsewhere)
    searcher.adopt(5, {**elsewhere, "rate": 0.29})
    searcher.tell(5, Value((-1.0,)))
    searcher.tell(proposal.number, Value((7.0,)))
    saved = make(options)
    saved.load(json.loads(json.dumps(searcher.state())))
    after = searcher.ask()
    assert isinstance(after, Proposal)
    assert after == saved.ask()
    assert after.number == 6
    for _ in range(10):
        told(searcher, Failed("x"))
    low, high = searcher.box["rate"]
    assert low == 0.1
    assert 0.3 < high < 0.9


@kinds
def test_first_points_outlive_a_box_that_grows_meanwhile(options):
    first = tuple(
        {"method": 0.75, "rate": 0.12 + 0.02 * k, "warmup": 0.5} for k in range(2 * RESULTS_BETWEEN)
    )
    searcher = make(options, first=first)
    # The best lies at the edge of the box, so it grows after five of them.
    found = [told(searcher, Value((-0.12 - 0.02 * k,))) for k in range(len(first))]
    assert searcher.box["rate"][1] > BOX["rate"][1]
    assert [cube["rate"] for cube in found] == pytest.approx([cube["rate"] for cube in first])


@kinds
def test_a_trial_that_pauses_is_one_result_and_its_last_also_after_the_box_has_grown(options):
    searcher, cubes = make(options), []
    for number in range(RESULTS_BETWEEN):
        proposal = searcher.ask()
        assert isinstance(proposal, Proposal)
        cubes.append(proposal.cube)
        searcher.tell(number, Interim((9.0,), 10))
        if number:
            searcher.tell(number, Value((-proposal.cube["rate"],)))
    for _ in range(RESULTS_BETWEEN):
        told(searcher, Value((-9.0,)))  # wherever that is, an edge of some axis is near or it stays
    searcher.tell(0, Value((0.25,)))
    searcher.tell(0, Value((9.0,)))
    assert [o for cube, o in searcher._results if cube == cubes[0]] == [Value((0.25,))]
    assert len(searcher._results) == 2 * RESULTS_BETWEEN
    inside = [t.value for t in searcher._inner._study.trials if t.value is not None]  # type: ignore[attr-defined]
    assert 0.25 in inside
    assert 9.0 not in inside
    again = make(options)
    again.load(json.loads(json.dumps(searcher.state())))
    assert (again.box, again.ask()) == (searcher.box, searcher.ask())
    assert searcher.box != BOX | {"warmup": (0.0, 1.0), "method": (0.0, 1.0)}
