"""Searches in simulated time: nothing is lost, nobody idles, the same again."""

import json
import math
import random

import numpy as np
import pytest
from pydantic import TypeAdapter

from autopeft.schedulers import SCHEDULERS, make_scheduler
from autopeft.searchers import SEARCHERS, Interim, Setting, make_searcher
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
VARIED = ("cmaes", "nelder-mead", "tpe")  # each with a state of another kind


# Every entry, and the variants that pause.
SCHEDULES = [{"kind": kind} for kind in sorted(SCHEDULERS)]
SCHEDULES += [{"kind": kind, "mode": "promote"} for kind in ("asha", "hyperband")]
every_schedule = pytest.mark.parametrize(
    "scheduler", SCHEDULES, ids=lambda options: "-".join(options.values())
)


def simulation(searcher="random", scheduler=SCHEDULES[0], **options):
    problem = SyntheticCurves(AXES)
    return Simulation(
        problem,
        make_searcher(SEARCHER.validate_python({"kind": searcher}), Setting(AXES, ("min",), 3)),
        make_scheduler(SCHEDULER.validate_python(scheduler), steps=problem.steps[-1]),
        **options,
    )


@every_schedule
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


@every_schedule
@pytest.mark.parametrize("searcher", VARIED)
def test_the_same_again(searcher, scheduler):
    one, other = (
        simulation(searcher, scheduler, workers=3, trials=25, stretch=heavy_tailed)
        for _ in range(2)
    )
    assert one.run() == other.run()


def resumed(sweep, searcher, scheduler):
    """Replace searcher and scheduler by fresh ones that were loaded from their states, as JSON."""
    fresh = simulation(searcher, scheduler)
    fresh.searcher.load(json.loads(json.dumps(sweep.searcher.state())))
    fresh.scheduler.load(json.loads(json.dumps(sweep.scheduler.state())))
    assert fresh.scheduler.state() == sweep.scheduler.state()
    sweep.searcher, sweep.scheduler = fresh.searcher, fresh.scheduler


@every_schedule
@pytest.mark.parametrize("searcher", VARIED)
@pytest.mark.parametrize("workers", [1, 3])
def test_killed_and_resumed_all_later_decisions_are_the_same(searcher, scheduler, workers):
    options = {"workers": workers, "trials": 15, "failures": 0.1}
    uninterrupted, killed = (simulation(searcher, scheduler, **options) for _ in range(2))
    uninterrupted.run()
    moments = sorted(random.Random(0).sample(range(1, 60), 20))
    for moment in range(60):
        killed.play()
        if moment in moments:
            resumed(killed, searcher, scheduler)
    assert killed.run() == uninterrupted.finished


def test_paused_trials_go_on_or_are_stopped_and_the_best_runs_to_its_end():
    sweep = simulation("random", {"kind": "asha", "mode": "promote"}, workers=4, trials=30)
    sweep.run()
    assert len(sweep.finished) == 30
    whole = [trial for trial in sweep.finished if trial.is_whole]
    assert whole
    assert len(whole) < 15
    assert {trial.reports for trial in sweep.finished if not trial.is_whole} <= {1, 3}


@pytest.mark.parametrize("searcher", ["tpe", "nelder-mead"])
@pytest.mark.parametrize("kind", ["asha", "hyperband"])
def test_a_searcher_learns_from_paused_trials_long_before_they_end(searcher, kind):
    promoting = {"kind": kind, "mode": "promote"}
    sweep = simulation(searcher, promoting, workers=1, trials=40)
    deaf = simulation(searcher, promoting, workers=1, trials=40)
    tell = deaf.searcher.tell
    deaf.searcher.tell = lambda n, o: None if isinstance(o, Interim) else tell(n, o)
    points = [
        [trial.cube for trial in sorted(one.run(), key=lambda trial: trial.number)]
        for one in (sweep, deaf)
    ]
    assert sum(a != b for a, b in zip(*points, strict=True)) > 20


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
def test_the_gap_at_the_optimum_is_the_floor_and_larger_beside_it(
    function, instance, tmp_path, monkeypatch
):
    problem = Bbob(function, 2, instance)
    monkeypatch.chdir(tmp_path)  # COCO tells where the optimum lies by a file only
    problem._evaluate._best_parameter("print")
    best = (np.loadtxt("._bbob_problem_best_parameter.txt") + 5) / 10
    names = [axis.name for axis in problem.axes]
    assert problem.curve(dict(zip(names, best, strict=True))).truth == 1e-12
    for step in (-0.1, -0.01, 0.01, 0.1):
        assert problem.curve(dict(zip(names, best + step, strict=True))).truth > 1e-6
