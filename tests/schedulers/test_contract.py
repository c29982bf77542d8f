"""What every scheduler promises; a new one is tested by being listed in the table."""

import json
import math
import random
from typing import Any

import pytest
from pydantic import TypeAdapter

from autopeft.schedulers import SCHEDULERS, Decision, Scheduler, make_scheduler
from autopeft.spec.scheduler import Scheduler as Options

OPTIONS: TypeAdapter[Any] = TypeAdapter(Options)
STEPS = 90
every_scheduler = pytest.mark.parametrize("name", sorted(SCHEDULERS))

Event = tuple[str, int, float]


def make(name: str) -> Scheduler:
    return make_scheduler(OPTIONS.validate_python({"kind": name}), steps=STEPS)


def stream(seed: int, *, trials: int = 20, odd: float = 0.1) -> list[Event]:
    """Reports of trials side by side, each in its own order, some of them not numbers."""
    dice = random.Random(seed)
    steps = {f"t{index:04d}": 0 for index in range(trials)}
    events: list[Event] = []
    while steps:
        trial = dice.choice(sorted(steps)[:4])
        steps[trial] += 10
        strange = dice.choice([math.nan, math.inf, -math.inf])
        loss = strange if dice.random() < odd else dice.random()
        events.append((trial, steps[trial], loss))
        if steps[trial] >= STEPS:
            del steps[trial]
    return events


def decisions(scheduler: Scheduler, events: list[Event]) -> list[Decision]:
    """Report what is still running; a stopped trial reports no more."""
    over: set[str] = set()
    made = []
    for trial, step, loss in events:
        if trial in over:
            continue
        made.append(scheduler.on_report(trial, step, loss))
        if made[-1] is Decision.STOP or step >= STEPS:
            over.add(trial)
            scheduler.on_end(trial)
    return made


@every_scheduler
def test_the_same_reports_give_the_same_decisions(name: str) -> None:
    assert decisions(make(name), stream(1)) == decisions(make(name), stream(1))


@every_scheduler
@pytest.mark.parametrize("cut", [0, 1, 25, 90])
def test_saved_and_loaded_it_goes_on_as_if_nothing_had_been(name: str, cut: int) -> None:
    events = stream(2)
    uninterrupted, resumed = make(name), make(name)
    for trial, step, loss in events[:cut]:
        uninterrupted.on_report(trial, step, loss)
    resumed.load(json.loads(json.dumps(uninterrupted.state())))
    assert resumed.state() == uninterrupted.state()
    assert decisions(resumed, events[cut:]) == decisions(uninterrupted, events[cut:])
    assert resumed.state() == uninterrupted.state()


@every_scheduler
def test_a_state_does_not_change_afterwards(name: str) -> None:
    scheduler = make(name)
    scheduler.on_report("t0000", 10, 0.5)
    state = scheduler.state()
    before = json.dumps(state)
    scheduler.on_report("t0001", 10, 0.4)
    assert json.dumps(state) == before


@every_scheduler
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_never_breaks_it_nor_stops_everybody(name: str, odd: float) -> None:
    scheduler = make(name)
    for index in range(12):
        assert isinstance(scheduler.on_report(f"t{index:04d}", 10, odd), Decision)
    if not odd < 0:
        assert scheduler.on_report("good", 10, 0.1) is Decision.CONTINUE


@every_scheduler
def test_a_step_between_two_rungs_is_taken(name: str) -> None:
    scheduler = make(name)
    assert scheduler.on_report("t0000", 13, 0.5) is Decision.CONTINUE
    assert isinstance(scheduler.on_report("t0001", 47, 0.6), Decision)


@every_scheduler
def test_the_end_of_a_trial_nobody_knows_is_fine(name: str) -> None:
    scheduler = make(name)
    before = scheduler.state()
    scheduler.on_end("never seen")
    assert scheduler.state() == before


def test_no_scheduler_stops_nothing() -> None:
    assert set(decisions(make("none"), stream(3))) == {Decision.CONTINUE}


def test_every_scheduler_of_the_table_has_its_record() -> None:
    for name in SCHEDULERS:
        assert OPTIONS.validate_python({"kind": name}).kind == name
