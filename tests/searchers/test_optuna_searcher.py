"""Optuna by ask and tell: every value stays with its point, given points are learnt from."""

import json
import math
import random
from typing import Any

import optuna
import pytest
from pydantic import TypeAdapter

from autopeft.searchers import Failed, Interim, Proposal, Pruned, Setting, Value, make_searcher
from autopeft.searchers.optuna_searcher import OptunaSearcher
from autopeft.spec.searcher import Searcher as Options
from autopeft.spec.space import Axis, Cube

OPTIONS: TypeAdapter[Any] = TypeAdapter(Options)
AXES = (Axis("x"), Axis("y"), Axis("level", levels=5))
KINDS: dict[str, dict[str, Any]] = {
    "random": {"kind": "random"},
    "qmc": {"kind": "qmc"},
    "tpe": {"kind": "tpe", "startup_trials": 4},
    "cmaes": {"kind": "cmaes", "population": 4},
    "cmaes-margin": {"kind": "cmaes", "population": 4, "margin": True},
    "nsga2": {"kind": "nsga2", "population": 4},
    "nsga3": {"kind": "nsga3", "population": 4},
}
every_kind = pytest.mark.parametrize("kind", sorted(KINDS))
FIRST: tuple[Cube, ...] = ({"x": 0.2, "y": 0.3, "level": 0.5}, {"x": 0.9}, {"level": 0.1})


def make(kind: str, first: tuple[Cube, ...] = ()) -> OptunaSearcher:
    options = OPTIONS.validate_python(KINDS[kind])
    searcher = make_searcher(options, Setting(AXES, ("min",), 0, first=first))
    assert isinstance(searcher, OptunaSearcher)
    return searcher


def score(cube: Cube) -> float:
    return cube["x"] + 2 * cube["y"] + 4 * (int(cube["level"] * 5) + 0.5) / 5


def asked(searcher: OptunaSearcher) -> Proposal:
    proposal = searcher.ask()
    assert isinstance(proposal, Proposal)
    return proposal


def check_pairs(searcher: OptunaSearcher, count: int) -> None:
    """Every value that Optuna holds is that of the point it holds beside it."""
    done = [t for t in searcher._study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    assert len(done) == count
    for trial in done:
        cube = {**trial.params, "level": (trial.params["level"] + 0.5) / 5}
        assert trial.value == pytest.approx(score(cube), abs=1e-12)


@every_kind
def test_no_value_is_paired_with_another_point(kind: str) -> None:
    """Points of its own, the user's, and of a journal; late, disordered, stopped and failed."""
    searcher, dice = make(kind, FIRST), random.Random(1)
    out: list[Proposal] = []
    values = 0
    for _ in range(60):
        proposal = asked(searcher)
        if dice.random() < 0.3:
            cube = {"x": dice.random(), "y": dice.random(), "level": 0.7}
            searcher.adopt(proposal.number, cube)
            proposal = Proposal(proposal.number, cube)
        out.append(proposal)
        if len(out) > 3:
            late = out.pop(dice.randrange(4))
            fate = dice.random()
            if fate < 0.1:
                searcher.tell(late.number, Failed("error"))
            elif fate < 0.2:
                searcher.tell(late.number, Pruned((score(late.cube),), 3))
            elif fate < 0.5:  # paused; goes on later
                searcher.tell(late.number, Interim((99.0,), 3))
                out.insert(0, late)
            else:
                searcher.tell(late.number, Value((score(late.cube),)))
                values += 1
    check_pairs(searcher, values)


def seen(searcher: OptunaSearcher) -> list[tuple[str, float | None, dict[int, float]]]:
    """Return what a sampler sees of the study's trials."""
    trials = searcher._study.get_trials(deepcopy=False)
    return [(t.state.name, t.value, t.intermediate_values) for t in trials]


@every_kind
@pytest.mark.parametrize("own", [True, False], ids=["own", "added"])
def test_a_paused_trial_is_seen_as_pruned_by_who_learns_from_such(kind: str, own: bool) -> None:
    """To the others it runs; all of them see the outcome that follows."""
    searcher = make(kind)
    cube = asked(searcher).cube if own else {"x": 0.2, "y": 0.3, "level": 0.5}

    def come(outcome: Any) -> None:
        if own:
            searcher.tell(0, outcome)
        else:
            searcher.add(cube, outcome)

    for step, value in ((3, 0.5), (9, 0.4)):
        come(Interim((value,), step, violations=(1.0,)))
        pruned = ("PRUNED", value, {step: value})
        assert seen(searcher)[0] == (pruned if kind == "tpe" else ("RUNNING", None, {}))
        assert asked(searcher).cube != cube
    come(Interim((math.nan,), 10))
    come(Value((0.25,)))
    assert seen(searcher)[0] == ("COMPLETE", 0.25, {})
    assert searcher._study.trials[0].params["x"] == cube["x"]
    again = make(kind)
    again.load(searcher.state())
    assert seen(again) == seen(searcher)
    assert asked(again) == asked(searcher)


BRANCHED = (
    Axis("m", levels=2, ordered=False),
    Axis("x", when=("m", 0)),
    Axis("y", when=("m", 1)),
    Axis("z"),
)
HASTY = {
    "gp": {"kind": "gp", "startup_trials": 3},
    "tpe": {"kind": "tpe", "startup_trials": 4},
    "nsga2": {"kind": "nsga2", "population": 4},
    "nsga3": {"kind": "nsga3", "population": 4},
    "cmaes": {"kind": "cmaes", "population": 4},
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", sorted(HASTY))
def test_what_pauses_in_one_branch_and_ends_after_others_is_not_missed(
    kind: str, seed: int
) -> None:
    """Optuna notes what the parameters of all ended trials are, and looks at none twice."""
    options = OPTIONS.validate_python(HASTY[kind])
    searcher, dice = make_searcher(options, Setting(BRANCHED, ("min",), seed)), random.Random(seed)
    out: list[Proposal] = []
    for _ in range(12 if kind == "gp" else 40):
        out.append(asked(searcher))  # type: ignore[arg-type]
        if dice.random() < 0.7:
            searcher.tell(out[-1].number, Interim((dice.random(),), 1))
        if len(out) > 3:
            searcher.tell(out.pop(dice.randrange(2)).number, Value((dice.random(),)))
    assert asked(searcher)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["nsga2", "nsga3", "tpe"])
@pytest.mark.parametrize("end", [Failed("boom"), Value((math.nan, 0.0))], ids=str)
def test_with_several_objectives_one_that_fails_after_its_pause_was_stopped_there(
    kind: str, end: Any
) -> None:
    options = OPTIONS.validate_python(HASTY[kind])
    searcher, dice = make_searcher(options, Setting(BRANCHED, ("min", "max"), 0)), random.Random(0)
    paused: list[Proposal] = []
    for _ in range(40):
        proposal = asked(searcher)  # type: ignore[arg-type]
        searcher.tell(proposal.number, Interim((dice.random(), dice.random()), 1))
        paused.append(proposal)
        if len(paused) > 6:
            late = paused.pop(dice.randrange(6)).number
            searcher.tell(late, Interim((math.nan, 1.0), 2))
            searcher.tell(late, end)
    again = make_searcher(options, Setting(BRANCHED, ("min", "max"), 0))
    again.load(json.loads(json.dumps(searcher.state(), allow_nan=False)))
    assert asked(again) == asked(searcher)  # type: ignore[arg-type]


def test_with_several_objectives_a_paused_trial_counts_by_its_values() -> None:
    options = OPTIONS.validate_python({"kind": "nsga2", "population": 4})
    searcher: Any = make_searcher(options, Setting(AXES, ("min", "max"), 0))
    searcher.tell(asked(searcher).number, Interim((1.0, 2.0), 3, violations=(0.5,)))
    (trial,) = searcher._study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert (trial.values, trial.constraints) == ([1.0, 2.0], {"0": 0.5})
    searcher.tell(0, Value((3.0, 4.0), violations=(-0.5,)))
    (trial,) = searcher._study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert (trial.values, trial.constraints) == ([3.0, 4.0], {"0": -0.5})


@pytest.mark.parametrize("kind", ["cmaes", "nsga2", "nsga3"])
def test_given_points_are_learnt_from(kind: str) -> None:
    """These samplers count by generations, of which Optuna makes a given point no member."""
    searcher = make(kind)
    for number in range(40):
        cube = {"x": 0.8 + number / 400, "y": 0.9 - number / 400, "level": 0.9}
        searcher.adopt(number, cube)
        searcher.tell(number, Value((score(cube),)))
    later = [asked(searcher).cube for _ in range(8)]
    assert sum(cube["x"] + cube["y"] for cube in later) / 8 > 1.3  # uniform ones: 1.0


def test_what_cmaes_with_a_margin_evaluates_is_what_it_counts() -> None:
    """Optuna notes for the optimizer what it drew, also where the user gave something else."""
    searcher = make("cmaes-margin", FIRST)
    for number in range(30):
        searcher.tell(number, Value((score(asked(searcher).cube),)))
    for trial in searcher._study.trials:
        noted = trial.system_attrs.get("x_for_tell")
        if noted is not None:
            assert noted[1:] == pytest.approx([trial.params["x"], trial.params["y"]])
