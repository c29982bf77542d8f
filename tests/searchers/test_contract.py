"""What every searcher promises; a new one is tested by being listed in the table."""

import json
import math
import random
from functools import partial
from statistics import median
from typing import Any

import pytest
from pydantic import TypeAdapter

from autopeft.searchers import (
    SEARCHERS,
    Done,
    Failed,
    Interim,
    Outcome,
    Proposal,
    Pruned,
    Searcher,
    Setting,
    Value,
    Wait,
    make_searcher,
)
from autopeft.spec.searcher import Searcher as Options
from autopeft.spec.space import Axis, Dimension, active_axes

OPTIONS: TypeAdapter[Any] = TypeAdapter(Options)
AXES = (
    Axis("method", levels=3, ordered=False),
    Axis("method.lora.rank", levels=6, when=("method", 0)),
    Axis("method.lora.rate", when=("method", 0)),
    Axis("method.ia3.rate", when=("method", 1)),
    Axis("batch", levels=4),
    Axis("warmup"),
)
# A Gaussian process takes up to a second per point: its contract is kept by `make slow`.
every_searcher = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n == "gp" else []) for n in sorted(SEARCHERS)],
)
# A Gaussian process takes a tenth of a second for a point: fewer of them, but past its start.
SLOW = {"gp": {"startup_trials": 4}}


def make(name: str, *, seed: int = 0, directions: tuple[Any, ...] = ("max",)) -> Searcher:
    options = OPTIONS.validate_python({"kind": name, **SLOW.get(name, {})})
    return make_searcher(options, Setting(AXES, directions, seed))


def times(name: str, count: int) -> int:
    return max(count // 7, 6) if name in SLOW else count


def score(proposal: Proposal) -> float:
    """Best with the first method, at two thirds of every axis."""
    cube = dict(proposal.cube)
    distance = sum((x - 2 / 3) ** 2 for axis, x in cube.items() if axis != "method")
    return 1.0 - cube["method"] - distance / len(cube)


def asked(searcher: Searcher) -> Proposal:
    proposal = searcher.ask()
    assert isinstance(proposal, Proposal), proposal
    return proposal


def outcome(proposal: Proposal, dice: random.Random, objectives: int = 1) -> Outcome:
    """Any of the things that happen, the odd ones often."""
    value = (score(proposal),) * objectives
    return dice.choice(
        [
            Value(value),
            Value(value),
            Value((math.nan,) * objectives),
            Value((math.inf,) * objectives),
            Pruned(value, 10),
            Pruned((-math.inf,) * objectives, 10),
            Failed("out of memory: 12 GiB"),
            Interim(value, dice.choice([10, 20, 30]), seconds=1.0),
            Interim((math.nan,) * objectives, 10),
        ]
    )


def play(searcher: Searcher, *, rounds: int, dice: random.Random, waiting: list[Proposal]) -> None:
    """Ask and tell with up to four points in flight, answered in any order; some never.

    Those that pause go on later, or never.
    """
    for _ in range(rounds):
        proposal = searcher.ask()
        if isinstance(proposal, Proposal):
            waiting.append(proposal)
        while len(waiting) > 3 or not isinstance(proposal, Proposal):
            late = waiting.pop(dice.randrange(len(waiting)))
            came = outcome(late, dice)
            searcher.tell(late.number, came)
            if isinstance(came, Interim) and dice.random() < 0.5:
                waiting.append(late)
            proposal = late


@every_searcher
def test_points_are_in_bounds_and_have_the_axes_that_exist(name: str) -> None:
    searcher = make(name)
    methods = set()
    for number in range(times(name, 60)):
        proposal = asked(searcher)
        assert proposal.number == number
        assert all(0.0 <= x <= 1.0 for x in proposal.cube.values())
        assert set(proposal.cube) == {a.name for a in active_axes(AXES, proposal.cube)}
        methods.add(int(proposal.cube["method"] * 3))
        searcher.tell(number, Value((score(proposal),)))
    assert methods == {0, 1, 2}


@every_searcher
def test_a_point_on_levels_lies_in_the_middle_of_one(name: str) -> None:
    searcher = make(name)
    for _ in range(times(name, 20)):
        cube = asked(searcher).cube
        assert (cube["batch"] * 4) % 1 == pytest.approx(0.5)


@every_searcher
def test_the_same_seed_gives_the_same_points(name: str) -> None:
    def points(seed: int) -> list[dict[str, float]]:
        searcher, cubes = make(name, seed=seed), []
        for _ in range(times(name, 25)):
            proposal = asked(searcher)
            cubes.append(dict(proposal.cube))
            searcher.tell(proposal.number, Value((score(proposal),)))
        return cubes

    assert points(1) == points(1)
    assert points(1) != points(2)


@every_searcher
def test_its_own_seed_comes_before_the_sweeps(name: str) -> None:
    options = OPTIONS.validate_python({"kind": name, "seed": 5})
    cubes = [asked(make_searcher(options, Setting(AXES, ("max",), seed))).cube for seed in (1, 2)]
    assert cubes[0] == cubes[1] == asked(make(name, seed=5)).cube


@every_searcher
@pytest.mark.parametrize(
    "odd",
    [
        Failed("invalid: rank above width"),
        Value((math.nan,)),
        Value((math.inf,)),
        Value((-math.inf,)),
        Pruned((math.nan,), 10),
        Pruned((0.1,), 0),
        Value((0.1,), violations=(math.nan,)),
        Pruned((0.1,), 5, violations=(math.inf, 1.0)),
        Interim((0.1,), 5, violations=(0.1, math.nan)),
        Interim((math.inf,), 10),
    ],
    ids=str,
)
def test_nothing_but_odd_results_never_stalls_the_search(name: str, odd: Outcome) -> None:
    searcher = make(name)
    for _ in range(times(name, 40)):
        searcher.tell(asked(searcher).number, odd)
    assert isinstance(searcher.ask(), Proposal)


@every_searcher
def test_late_and_disordered_results_are_taken(name: str) -> None:
    searcher, waiting = make(name), []
    play(searcher, rounds=times(name, 60), dice=random.Random(3), waiting=waiting)
    for proposal in reversed(waiting):
        searcher.tell(proposal.number, Value((score(proposal),)))
    assert isinstance(searcher.ask(), Proposal)


@every_searcher
def test_results_that_never_come_do_not_stall_the_search(name: str) -> None:
    searcher = make(name)
    count = times(name, 30)
    assert [asked(searcher).number for _ in range(count)] == list(range(count))


@every_searcher
def test_a_result_told_twice_changes_nothing(name: str) -> None:
    one, other = make(name), make(name)
    for searcher in (one, other):
        for _ in range(times(name, 15)):
            proposal = asked(searcher)
            searcher.tell(proposal.number, Value((score(proposal),)))
    one.tell(3, Value((99.0,)))
    one.tell(3, Failed("late"))
    assert asked(one).cube == asked(other).cube


@every_searcher
def test_what_a_paused_trial_comes_to_takes_the_place_of_what_it_had(name: str) -> None:
    """Told at once one after the other, only the last word counts, and nothing comes after it."""
    one, other = make(name), make(name)
    for number in range(times(name, 25)):
        mine, theirs = asked(one), asked(other)
        assert mine == theirs
        final: Outcome = Value((score(mine),)) if number % 3 else Pruned((score(mine) / 2,), 30)
        if number % 4 == 0:
            final = Failed("worker lost")
        # No promise: the least that can be said, so that nothing was built on it meanwhile.
        one.tell(mine.number, Interim((-1e9,), 10))
        one.tell(mine.number, Interim((-1e9,), 20, seconds=2.0))
        for searcher in (one, other):
            searcher.tell(mine.number, final)
        one.tell(mine.number, Interim((99.0,), 40))
        one.tell(mine.number, Value((99.0,)))


@pytest.mark.parametrize("name", ["tpe", "nelder-mead", "auto"])
def test_it_learns_from_trials_that_are_paused(name: str) -> None:
    """As under a scheduler that promotes: most trials pause and are never heard of again."""
    searcher = make(name)
    scores = []
    for _ in range(60):
        proposal = asked(searcher)
        scores.append(score(proposal))
        searcher.tell(proposal.number, Interim((scores[-1],), 10))
    assert median(scores[30:]) > median(scores[:10])


ELSEWHERE = (
    {
        "method": 1 / 6,
        "method.lora.rank": 0.25,
        "method.lora.rate": 0.3,
        "batch": 0.625,
        "warmup": 0,
    },
    {"method": 0.5, "method.ia3.rate": 0.32, "batch": 0.125, "warmup": 1.0},
    {"method": 5 / 6, "batch": 0.875, "warmup": 0.5},
)


@every_searcher
def test_points_of_elsewhere_are_adopted_and_it_goes_on(name: str) -> None:
    """In the place of its own, before it is asked, and with results that come later or never."""
    options = OPTIONS.validate_python({"kind": name, **SLOW.get(name, {})})
    begin = 40
    searcher = make_searcher(options, Setting(AXES, ("max",), 0, begin=begin))
    for number in range(18):
        searcher.adopt(number, ELSEWHERE[number % 3])
        if number % 6:
            searcher.tell(number, Value((number / 20,)))
    given = []
    for number in range(begin, begin + times(name, 40)):
        proposal = asked(searcher)
        assert proposal.number == number
        if number % 4 == 0:
            other = {**ELSEWHERE[number % 3], "warmup": number / 200}
            searcher.adopt(number, other)
            proposal = Proposal(number, other)
        assert set(proposal.cube) == {axis.name for axis in active_axes(AXES, proposal.cube)}
        given.append(proposal)
        searcher.tell(number, Value((score(proposal),)))
    searcher.tell(0, Value((0.0,)))  # late
    searcher.tell(20, Value((99.0,)))  # nobody's
    again = make_searcher(options, Setting(AXES, ("max",), 0, begin=begin))
    again.load(json.loads(json.dumps(searcher.state())))
    assert asked(again) == asked(searcher)
    assert len({tuple(p.cube.values()) for p in given}) > len(given) / 2


@every_searcher
@pytest.mark.parametrize("cut", [0, 1, 7, 30])
def test_saved_and_loaded_it_goes_on_as_if_nothing_had_been(name: str, cut: int) -> None:
    dice, waiting = random.Random(1), list[Proposal]()
    uninterrupted = make(name)
    play(uninterrupted, rounds=min(cut, times(name, cut)), dice=dice, waiting=waiting)
    resumed = make(name)
    # Strict JSON: it knows neither infinity nor NaN, which some outcomes are.
    resumed.load(json.loads(json.dumps(uninterrupted.state(), allow_nan=False)))
    assert json.dumps(resumed.state()) == json.dumps(uninterrupted.state())
    memory = dice.getstate()
    endings = []
    for searcher in (uninterrupted, resumed):
        dice.setstate(memory)
        held = list(waiting)
        play(searcher, rounds=times(name, 25), dice=dice, waiting=held)
        endings.append(asked(searcher))
    assert endings[0] == endings[1]


@every_searcher
def test_a_state_does_not_change_afterwards(name: str) -> None:
    searcher = make(name)
    searcher.tell(asked(searcher).number, Value((0.5,)))
    state = searcher.state()
    before = json.dumps(state)
    searcher.tell(asked(searcher).number, Value((0.5,)))
    assert json.dumps(state) == before


@every_searcher
def test_several_objectives_are_taken(name: str) -> None:
    if type(OPTIONS.validate_python({"kind": name})).one_objective_only:
        pytest.skip("searches one objective; a search file that asks for more is refused")
    searcher, dice = make(name, directions=("max", "min")), random.Random(2)
    for _ in range(times(name, 22)):
        proposal = asked(searcher)
        searcher.tell(proposal.number, outcome(proposal, dice, objectives=2))
    again = make(name, directions=("max", "min"))
    again.load(json.loads(json.dumps(searcher.state())))
    assert asked(again).cube == asked(searcher).cube


FIRST = (
    {
        "method": 1 / 6,
        "method.lora.rank": 0.25,
        "method.lora.rate": 0.1,
        "batch": 0.375,
        "warmup": 0.9,
    },
    {"warmup": 0.123},
    {"method": 0.5, "method.ia3.rate": 0.7},
    {"method": 5 / 6},
    {},
)


@every_searcher
@pytest.mark.parametrize("branched", [True, False], ids=["branched", "plain"])
def test_first_points_come_first_as_they_are_given(name: str, branched: bool) -> None:
    axes = AXES if branched else AXES[4:]
    first = (
        FIRST
        if branched
        else ({"batch": 0.375, "warmup": 0.9}, {"warmup": 0.123}, {"batch": 0.125})
    )
    options = OPTIONS.validate_python({"kind": name})
    setting = Setting(axes, ("max",), 0, first=first)
    searcher, resumed = make_searcher(options, setting), make_searcher(options, setting)
    cubes = []
    for number, given in enumerate(first):
        if number == 2:
            resumed.load(json.loads(json.dumps(searcher.state())))
        proposal = asked(searcher)
        assert {axis: proposal.cube[axis] for axis in given} == given
        assert set(proposal.cube) == {axis.name for axis in active_axes(axes, proposal.cube)}
        cubes.append(proposal.cube)
    assert [asked(resumed).cube for _ in first[2:]] == cubes[2:]
    assert asked(searcher).cube not in cubes


@every_searcher
def test_constraints_are_taken(name: str) -> None:
    searcher, dice = make(name), random.Random(2)
    for _ in range(times(name, 22)):
        proposal = asked(searcher)
        violations = (proposal.cube["warmup"] - 0.5, dice.choice([-1.0, 0.0, 0.1, math.inf]))
        kind = dice.choice([Value, partial(Pruned, step=3)])
        searcher.tell(proposal.number, kind((score(proposal),), violations=violations))
    again = make(name)
    again.load(json.loads(json.dumps(searcher.state())))
    assert asked(again).cube == asked(searcher).cube


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsga2", "nsga3"])
def test_what_breaks_a_constraint_is_left_behind(name: str) -> None:
    """The best score lies where the constraint is broken: the feasible half is searched more."""
    options = OPTIONS.validate_python({"kind": name})
    searcher = make_searcher(options, Setting((Axis("x"), Axis("y")), ("max",), 0))
    broken = []
    for _ in range(160):
        proposal = asked(searcher)
        broken.append(proposal.cube["x"] - 0.5)
        searcher.tell(proposal.number, Value((proposal.cube["x"],), violations=(broken[-1],)))
    assert sum(b > 0 for b in broken[80:]) < 0.45 * 80


@every_searcher
def test_an_empty_space_still_has_its_one_point(name: str) -> None:
    options = OPTIONS.validate_python({"kind": name})
    searcher = make_searcher(options, Setting((), ("max",), 0))
    answer = searcher.ask()
    assert isinstance(answer, Done | Wait) or answer.cube == {}


@pytest.mark.parametrize("direction", ["max", "min"])
def test_tpe_finds_what_is_good_whichever_way_good_is(direction: Any) -> None:
    sign = 1 if direction == "max" else -1
    searcher = make("tpe", directions=(direction,))
    scores = []
    for _ in range(60):
        proposal = asked(searcher)
        scores.append(score(proposal))
        searcher.tell(proposal.number, Value((sign * scores[-1],)))
    assert median(scores[30:]) > median(scores[:10])
    assert max(scores) > sorted(scores[:10])[-3]


def test_tpe_learns_from_what_was_stopped_early() -> None:
    searcher = make("tpe")
    scores = []
    for index in range(60):
        proposal = asked(searcher)
        scores.append(score(proposal))
        value = (scores[-1],)
        told = Value(value) if index % 3 == 0 else Pruned(value, 10)
        searcher.tell(proposal.number, told)
    assert median(scores[30:]) > median(scores[:10])


def test_every_searcher_of_the_table_has_its_record() -> None:
    for name in SEARCHERS:
        assert OPTIONS.validate_python({"kind": name}).kind == name


@pytest.mark.parametrize("name", sorted(SEARCHERS))
def test_whole_numbers_on_a_logarithmic_scale_are_places_of_their_own(name: str) -> None:
    rank = Dimension("rank", "int", 1, 8, log=True)
    options = OPTIONS.validate_python({"kind": name, **SLOW.get(name, {})})
    searcher = make_searcher(options, Setting((rank.axis, Axis("rate")), ("max",), 0))
    told = [searcher.ask() for _ in range(12)]
    cubes = [one.cube for one in told if isinstance(one, Proposal)]
    assert cubes
    for cube in cubes:
        assert cube["rank"] == rank.position(rank.value(cube["rank"]))
