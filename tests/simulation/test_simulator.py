"""Searches in simulated time: nothing is lost, nobody idles, the same again."""

import json
import math

import numpy as np
import pytest
from pydantic import TypeAdapter

from autopeft.schedulers import SCHEDULERS, make_scheduler
from autopeft.searchers import SEARCHERS, Setting, make_searcher
from autopeft.simulation.bbob import Bbob
from autopeft.simulation.simulator import Simulation, heavy_tailed
from autopeft.simulation.synthetic import SyntheticCurves
from autopeft.spec.scheduler import Scheduler as SchedulerOptions
from autopeft.spec.searcher import NelderMeadSearcher, RandomSearcher
from autopeft.spec.searcher import Searcher as SearcherOptions
from autopeft.spec.space import Axis

SEARCHER: TypeAdapter = TypeAdapter(SearcherOptions)
SCHEDULER: TypeAdapter = TypeAdapter(SchedulerOptions)
AXES = (
    Axis("method", levels=2, ordered=False),
    Axis("method.lora.rate", when=("method", 0)),
    Axis("method.ia3.rate", when=("method", 1)),
    Axis("rank", levels=9),
)
QUICK = sorted(set(SEARCHERS) - {"gp"})  # what holds for all; gp takes seconds per sweep


def simulation(searcher="random", scheduler="none", **options):
    problem = SyntheticCurves(AXES)
    return Simulation(
        problem,
        make_searcher(SEARCHER.validate_python({"kind": searcher}), Setting(AXES, ("min",), 3)),
        make_scheduler(SCHEDULER.validate_python({"kind": scheduler}), steps=problem.steps[-1]),
        **options,
    )


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@pytest.mark.parametrize("searcher", QUICK)
def test_one_trial_in_ten_fails_and_the_budget_is_spent(searcher, scheduler):
    sweep = simulation(searcher, scheduler, workers=4, trials=40, failures=0.1, seed=1)
    sweep.run()
    drawn = [np.random.default_rng([1, number]).random() < 0.1 for number in range(40)]
    assert len(sweep.finished) == 40
    assert {trial.number for trial in sweep.finished} == set(range(40))
    for trial in sweep.finished:
        assert not drawn[trial.number] or trial.loss == math.inf
    assert sum(drawn) > 0


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@pytest.mark.parametrize("searcher", QUICK)
def test_the_same_again(searcher, scheduler):
    one, other = (
        simulation(searcher, scheduler, workers=3, trials=25, stretch=heavy_tailed)
        for _ in range(2)
    )
    assert one.run() == other.run()


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@pytest.mark.parametrize("searcher", QUICK)
@pytest.mark.parametrize("cut", [1, 10, 30, 60])
def test_killed_and_resumed_all_later_decisions_are_the_same(searcher, scheduler, cut):
    options = {"workers": 1, "trials": 15, "failures": 0.1}
    uninterrupted, resumed = (simulation(searcher, scheduler, **options) for _ in range(2))
    uninterrupted.run()
    for _ in range(cut):
        resumed.play()
    fresh = simulation(searcher, scheduler, **options)
    fresh.searcher.load(json.loads(json.dumps(resumed.searcher.state())))
    fresh.scheduler.load(json.loads(json.dumps(resumed.scheduler.state())))
    assert fresh.scheduler.state() == resumed.scheduler.state()
    resumed.searcher, resumed.scheduler = fresh.searcher, fresh.scheduler
    assert resumed.run() == uninterrupted.finished


def test_equal_durations_make_rounds():
    problem = Bbob(1, 2, 16)
    options = RandomSearcher()
    sweep = Simulation(
        problem, make_searcher(options, Setting(problem.axes, ("min",), 0)), workers=10, trials=30
    )
    sweep.run()
    assert [trial.time for trial in sweep.finished] == [1.0] * 10 + [2.0] * 10 + [3.0] * 10


def test_nelder_mead_keeps_ten_workers_busy():
    problem = Bbob(8, 2, 16)
    sweep = Simulation(
        problem,
        make_searcher(NelderMeadSearcher(), Setting(problem.axes, ("min",), 0)),
        workers=10,
        trials=300,
        stretch=heavy_tailed,
    )
    sweep.run()
    assert sweep.mean_busy >= 9.5


def test_heavy_tails_have_mean_one():
    rng = np.random.default_rng(0)
    draws = [heavy_tailed(rng) for _ in range(200_000)]
    assert np.mean(draws) == pytest.approx(1, rel=0.1)
    assert max(draws) > 50


@pytest.mark.parametrize(("function", "instance"), [(1, 1), (8, 3), (24, 2)])
def test_the_gap_at_the_optimum_is_the_floor(function, instance):
    problem = Bbob(function, 2, instance)
    searcher = make_searcher(NelderMeadSearcher(), Setting(problem.axes, ("min",), 0))
    found = Simulation(problem, searcher, workers=10, trials=200).run()
    assert all(trial.loss >= 1e-12 for trial in found)
