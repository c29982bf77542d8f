"""What a branch costs is learnt from its trials, and counts where time is the budget."""

import json
import random
from collections import Counter
from typing import Any

import pytest
from pydantic import TypeAdapter

from autopeft.searchers import Failed, Outcome, Proposal, Setting, Value, make_searcher
from autopeft.searchers.costs import Costs
from autopeft.spec.searcher import ChoosingSearcher
from autopeft.spec.searcher import Searcher as Options
from autopeft.spec.space import Axis, Cube

OPTIONS: TypeAdapter[Any] = TypeAdapter(Options)
AXES = (
    Axis("method", levels=2, ordered=False),
    Axis("roles", levels=2, ordered=False, when=("method", 0)),
    Axis("x", when=("method", 0)),
    Axis("y", when=("method", 1)),
)
CHEAP, DEAR = {"method": 0.75, "y": 0.5}, {"method": 0.25, "roles": 0.25, "x": 0.5}
OTHER = {"method": 0.25, "roles": 0.75, "x": 0.5}
CHOOSING = ["random", "qmc", "tpe", "cmaes", "nsga2", "nelder-mead", "auto"]
every_choosing = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in ("tpe", "auto") else ())
        for name in CHOOSING
    ],
)


def test_unknown_branches_cost_what_their_likes_do() -> None:
    costs = Costs(AXES)
    assert costs.relative(costs.branch(DEAR)) == costs.share(costs.branch(DEAR)) == 1
    for _ in range(40):
        costs.note(CHEAP, 10)
        costs.note(DEAR, 40)
    costs.note(CHEAP, None)
    relative = [costs.relative(costs.branch(cube)) for cube in (CHEAP, DEAR, OTHER)]
    assert relative == pytest.approx([0.4, 1.6, 1.6], rel=0.1)
    assert costs.share(costs.branch(CHEAP)) == 1
    assert costs.share(costs.branch(DEAR)) == pytest.approx(0.25, rel=0.1)
    again = Costs(AXES)
    again.load(json.loads(json.dumps(costs.state())))
    assert again.state() == costs.state()
    assert again.share(again.branch(OTHER)) == costs.share(costs.branch(OTHER))


def test_a_trial_that_paused_is_counted_once_with_all_it_took() -> None:
    once, twice = Costs(AXES), Costs(AXES)
    for seconds in (10, 30):
        once.note(DEAR, seconds)
        twice.note(DEAR, 4)
        twice.note(DEAR, None, before=4)
        twice.note(DEAR, seconds, before=4)
    assert once.state() == twice.state()


def test_one_long_trial_is_no_proof() -> None:
    costs = Costs(AXES)
    for _ in range(10):
        costs.note(CHEAP, 10)
    costs.note(DEAR, 100)
    assert costs.relative(costs.branch(DEAR)) < 4


def is_dear(cube: Cube) -> bool:
    return cube["method"] < 0.5


def played(name: str, *, rounds: int = 120, **more: Any) -> tuple[Any, list[Proposal]]:
    """Ask and tell, values by chance: no branch is better; the first costs four times as much."""
    setting = Setting(AXES, ("min",), 0, timed=more.pop("timed", True))
    searcher = make_searcher(OPTIONS.validate_python({"kind": name, **more}), setting)
    dice, proposals = random.Random(3), []
    for _ in range(rounds):
        proposal = searcher.ask()
        assert isinstance(proposal, Proposal)
        proposals.append(proposal)
        seconds = (40.0 if is_dear(proposal.cube) else 10.0) * dice.uniform(0.8, 1.2)
        outcome: Outcome = Value((dice.random(),), seconds=seconds)
        if dice.random() < 0.1:
            outcome = Failed("error", seconds=seconds)
        searcher.tell(proposal.number, outcome)
    return searcher, proposals


@pytest.mark.parametrize("name", ["random", "qmc", "cmaes"])
def test_methods_that_are_alike_get_equal_time_rather_than_equally_many_trials(name: str) -> None:
    shares = {}
    for aware in (True, False):
        _, proposals = played(name, cost_aware=aware)
        dear = Counter(is_dear(proposal.cube) for proposal in proposals[20:])[True]
        shares[aware] = dear / 100
    assert shares[True] < 0.7 * shares[False]
    assert shares[True] > 0.05


@every_choosing
def test_costs_count_by_default_if_time_is_the_budget(name: str) -> None:
    def points(**more: Any) -> list[Cube]:
        return [proposal.cube for proposal in played(name, rounds=60, **more)[1]]

    assert points(timed=True) == points(timed=False, cost_aware=True)
    assert points(timed=False) == points(timed=True, cost_aware=False)
    assert points(timed=True) != points(timed=False)


@every_choosing
@pytest.mark.parametrize("rounds", [1, 40])
def test_costs_are_part_of_the_state(name: str, rounds: int) -> None:
    searcher, _ = played(name, rounds=rounds)
    setting = Setting(AXES, ("min",), 0, timed=True)
    again = make_searcher(OPTIONS.validate_python({"kind": name}), setting)
    again.load(json.loads(json.dumps(searcher.state())))
    for number in range(rounds, rounds + 25):
        ours, theirs = searcher.ask(), again.ask()
        assert ours == theirs
        for each in (searcher, again):
            each.tell(number, Value((0.5,), seconds=7.0))


def test_every_searcher_that_chooses_has_the_option() -> None:
    for name in CHOOSING:
        assert isinstance(OPTIONS.validate_python({"kind": name}), ChoosingSearcher)
