"""A guess that is tried first, believed if its own trial bears it out, and dropped if not."""

import json
import math

import pytest

from autopeft.searchers import (
    Failed,
    Interim,
    Prior,
    Proposal,
    Pruned,
    Searcher,
    Setting,
    Value,
    make_searcher,
)
from autopeft.searchers.base import Hedge
from autopeft.searchers.hedged import Hedged
from autopeft.spec.searcher import CmaesSearcher, NelderMeadSearcher, SearcherRecord, TpeSearcher
from autopeft.spec.space import Axis, Cube

AXES = (Axis("x"), Axis("y"))
GUESS = {"x": 0.8, "y": 0.7}
SECOND = {"x": 0.81, "y": 0.7}
BOX = {"x": (0.75, 0.85), "y": (0.65, 0.75)}
SPREAD = {"x": 0.02, "y": 0.02}
OPTIONS = [NelderMeadSearcher(), TpeSearcher(startup_trials=3), CmaesSearcher()]
kinds = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.kind)


def make(
    options: SearcherRecord,
    *,
    limit: float = 0.01,
    direction: str = "min",
    first: tuple[Cube, ...] = (),
    begin: int = 0,
) -> Hedged:
    searcher = make_searcher(
        options,
        Setting(
            AXES, (direction,), seed=3, first=first, begin=begin, box=BOX,  # type: ignore[arg-type]
            prior=Prior(GUESS, SPREAD), hedge=Hedge((GUESS, SECOND), limit),
        ),
    )  # fmt: skip
    assert isinstance(searcher, Hedged)
    return searcher


def asked(searcher: Searcher) -> Proposal:
    proposal = searcher.ask()
    assert isinstance(proposal, Proposal)
    return proposal


def loss(cube: Cube, at: Cube = GUESS) -> float:
    return sum((cube[name] - at[name]) ** 2 for name in at)


def played(searcher: Searcher, at: Cube, trials: int, sign: int = 1) -> list[Cube]:
    cubes = []
    for _ in range(trials):
        proposal = asked(searcher)
        cubes.append(proposal.cube)
        searcher.tell(proposal.number, Value((sign * loss(proposal.cube, at),)))
    return cubes


@kinds
@pytest.mark.parametrize(("direction", "sign"), [("min", 1), ("max", -1)])
def test_a_right_guess_is_searched_around(options, direction, sign):
    searcher = make(options, direction=direction)
    cubes = played(searcher, GUESS, 12, sign)
    assert cubes[0] == pytest.approx(GUESS)
    assert searcher.dropped is False
    assert all(loss(cube) < 0.2**2 for cube in cubes[1:8])


@kinds
def test_a_wrong_guess_costs_its_own_trial_and_no_more(options):
    """The next point is that of a search that never heard of it, and so are box and simplex."""
    far = {"x": 0.1, "y": 0.2}
    searcher = make(options)
    cubes = played(searcher, far, 4)
    expected = make_searcher(options, Setting(AXES, ("min",), seed=3)).ask()
    assert isinstance(expected, Proposal)
    assert searcher.dropped is True
    assert cubes[1] == pytest.approx(expected.cube)
    assert max(loss(cube) for cube in cubes[1:]) > 0.3**2


def reached(searcher: Searcher, at: Cube, *, guess_loss: float | None = None) -> list[Cube]:
    """Return the points up to the first that is good."""
    cubes: list[Cube] = []
    while not cubes or loss(cubes[-1], at) >= 1e-3:
        proposal = searcher.ask()
        assert isinstance(proposal, Proposal)
        cubes.append(proposal.cube)
        is_guess = guess_loss is not None and len(cubes) == 1
        told = guess_loss if is_guess else loss(proposal.cube, at)
        searcher.tell(proposal.number, Value((told,)))
    return cubes


def cold() -> Searcher:
    return make_searcher(NelderMeadSearcher(), Setting(AXES, ("min",), seed=3))


def test_a_guess_that_was_dropped_and_is_good_all_the_same_is_learnt_from():
    """Worse than the limit, and better than all that the cold search has seen."""
    searcher = make(NelderMeadSearcher(), limit=-1.0)
    cubes = played(searcher, GUESS, 8)
    unaware = played(cold(), GUESS, 7)
    assert searcher.dropped is True
    assert cubes[1:4] == unaware[:3]
    assert cubes[4:] != unaware[3:]


def test_a_guess_far_up_a_wall_changes_nothing_but_its_trial():
    at = {"x": 0.35, "y": 0.5}
    assert reached(make(NelderMeadSearcher()), at, guess_loss=1e6)[1:] == reached(cold(), at)


@pytest.mark.parametrize(
    "outcome",
    [Failed("x"), Pruned((0.0,), 3), Value((math.nan,)), Value((0.0,), violations=(0.5,))],
    ids=str,
)
def test_a_guess_without_a_value_that_counts_was_wrong(outcome):
    searcher = make(NelderMeadSearcher())
    searcher.tell(asked(searcher).number, outcome)
    assert searcher.dropped is True
    assert isinstance(searcher.ask(), Proposal)


@kinds
@pytest.mark.parametrize(("final", "wrong"), [(0.0, False), (0.5, True)])
def test_a_guess_that_pauses_is_judged_at_its_end(options, final, wrong):
    searcher = make(options)
    guess = asked(searcher)
    searcher.tell(guess.number, Interim((0.3,), 10))
    assert searcher.dropped is None
    for _ in range(5):
        other = asked(searcher)
        searcher.tell(other.number, Interim((1.0,), 10))
        searcher.tell(other.number, Value((loss(other.cube),)))
    searcher.tell(guess.number, Value((final,)))
    assert searcher.dropped is wrong
    again = make(options)
    again.load(json.loads(json.dumps(searcher.state())))
    assert [asked(again) for _ in range(3)] == [asked(searcher) for _ in range(3)]


def test_the_users_first_points_come_before_the_guess():
    mine = {"x": 0.3, "y": 0.3}
    searcher = make(NelderMeadSearcher(), first=(mine,))
    cubes = played(searcher, GUESS, 2)
    assert cubes == [pytest.approx(mine), pytest.approx(GUESS)]


def test_workers_that_need_not_wait_for_the_guess_search_cold():
    searcher = make(TpeSearcher())
    guess, *others = [asked(searcher) for _ in range(4)]
    assert guess.cube == pytest.approx(GUESS)
    assert max(loss(other.cube) for other in others) > 0.2**2
    searcher.tell(guess.number, Value((0.0,)))
    for other in others:
        searcher.tell(other.number, Value((loss(other.cube),)))
    assert loss(asked(searcher).cube) < 0.1**2


@kinds
@pytest.mark.parametrize("limit", [0.01, -1.0], ids=["right", "wrong"])
@pytest.mark.parametrize("cut", [1, 3, 9])
def test_saved_and_loaded_it_goes_on_as_if_never_interrupted(options, limit, cut):
    whole = make(options, limit=limit)
    held = [asked(whole), asked(whole)]
    for _ in range(cut):
        late = held.pop(0)
        whole.tell(late.number, Value((loss(late.cube),)))
        held.append(asked(whole))
    again = make(options, limit=limit)
    again.load(json.loads(json.dumps(whole.state())))
    for _ in range(6):
        late = held.pop(0)
        for searcher in (whole, again):
            searcher.tell(late.number, Value((loss(late.cube),)))
        held.append(asked(whole))
        assert asked(again) == held[-1]


def test_a_point_of_elsewhere_in_the_place_of_the_guess_is_no_guess():
    searcher = make(NelderMeadSearcher())
    number = asked(searcher).number
    searcher.adopt(number, {"x": 0.2, "y": 0.2})
    assert searcher.dropped is True
    searcher.tell(number, Value((0.0,)))
    rounded = make(NelderMeadSearcher())
    rounded.adopt(asked(rounded).number, {"x": 0.8 + 1e-12, "y": 0.7})
    rounded.tell(0, Value((0.0,)))
    assert rounded.dropped is False


def test_numbers_go_on_from_where_the_sweep_stands():
    searcher = make(NelderMeadSearcher(), begin=7)
    searcher.adopt(3, {"x": 0.5, "y": 0.5})
    searcher.tell(3, Value((0.3,)))
    assert [asked(searcher).number for _ in range(3)] == [7, 8, 9]
