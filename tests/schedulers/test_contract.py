"""What every scheduler promises; a new one is tested by being listed in the table."""

import json
import math
from typing import Any

import pytest
from pydantic import TypeAdapter

from autopeft.schedulers import SCHEDULERS, Decision, Scheduler, make_scheduler
from autopeft.spec.scheduler import Scheduler as Options

OPTIONS: TypeAdapter[Any] = TypeAdapter(Options)
STEPS = 90
# Beside its defaults, whatever an entry can also be.
FURTHER: dict[str, dict[str, Any]] = {
    "pbt-small": {"kind": "pbt", "population": 4, "interval_steps": 20, "quantile": 0.5},
    "asha-promote": {"kind": "asha", "mode": "promote"},
    "hyperband-promote": {"kind": "hyperband", "mode": "promote"},
}
CASES: dict[str, dict[str, Any]] = {**{kind: {"kind": kind} for kind in SCHEDULERS}, **FURTHER}
every_scheduler = pytest.mark.parametrize("name", sorted(CASES))


def make(name: str) -> Scheduler:
    return make_scheduler(OPTIONS.validate_python(CASES[name]), steps=STEPS, seed=3)


@every_scheduler
@pytest.mark.parametrize("slots", [1, 4])
def test_the_same_reports_give_the_same_decisions(name: str, slots: int, pool: Any) -> None:
    logs = [pool(lambda: make(name), slots=slots).play().log for _ in range(2)]
    assert logs[0] == logs[1]


@every_scheduler
def test_saved_and_loaded_anywhere_it_goes_on_as_if_nothing_had_been(name: str, pool: Any) -> None:
    whole = pool(lambda: make(name), seed=1, failures=0.02).play().log
    for cut in range(1, len(whole), max(len(whole) // 20, 1)):
        assert pool(lambda: make(name), seed=1, failures=0.02, cut=cut).play().log == whole


@every_scheduler
@pytest.mark.parametrize("trials", [1, 2, 5, 40])
def test_every_trial_ends_and_at_least_one_runs_to_its_end(
    name: str, trials: int, pool: Any
) -> None:
    for seed in range(3):
        played = pool(lambda: make(name), trials=trials, seed=seed).play()
        assert played.counts["finished"] >= 1
        assert played.counts.total() == trials


@every_scheduler
@pytest.mark.parametrize("slots", [1, 3, 10])
def test_a_tenth_failing_at_random_leaves_nobody_behind(name: str, slots: int, pool: Any) -> None:
    """10 % of the reports, so far more of the trials."""
    for seed in range(5):
        played = pool(lambda: make(name), slots=slots, seed=seed, failures=0.1).play()
        assert played.counts.total() == 27


@every_scheduler
def test_all_failing_is_survived(name: str, pool: Any) -> None:
    assert pool(lambda: make(name), failures=1.0).play().counts == {"failed": 27}


@every_scheduler
def test_several_objectives_are_decided_too(name: str, pool: Any) -> None:
    """Here both objectives agree; where only places count, the decisions are those of one."""
    both = pool(lambda: make(name), objectives=2).play()
    one = pool(lambda: make(name), objectives=1).play()
    assert both.counts["finished"] >= 1
    if name.endswith("promote") or name.startswith("pbt"):
        assert both.log == one.log


@every_scheduler
def test_a_query_for_promotions_changes_nothing(name: str, pool: Any) -> None:
    scheduler = make(name)
    for index in range(9):
        scheduler.on_report(f"t{index:04d}", 10, index / 10)
    before = json.dumps(scheduler.state())
    promotions = [scheduler.next_to_promote(last=last) for last in (False, True, True)]
    assert promotions[1] == promotions[2]
    assert json.dumps(scheduler.state()) == before


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
        scheduler.on_end(f"t{index:04d}")
    json.loads(json.dumps(scheduler.state(), allow_nan=False))
    assert scheduler.on_report("good", 10, 0.1) is not Decision.STOP


@every_scheduler
def test_a_step_between_two_rungs_is_taken(name: str) -> None:
    scheduler = make(name)
    assert scheduler.on_report("t0000", 13, 0.5) is not Decision.STOP
    assert isinstance(scheduler.on_report("t0001", 47, 0.6), Decision)


@every_scheduler
def test_a_report_of_whom_it_paused_is_taken(name: str) -> None:
    """A journal written under other options, replayed into these."""
    scheduler = make(name)
    for step in range(10, STEPS + 1, 10):
        for trial in ("t0000", "t0001", "t0002"):
            assert isinstance(scheduler.on_report(trial, step, 0.5), Decision)
    assert scheduler.next_to_promote(last=True) is None


@every_scheduler
def test_who_is_not_known_may_end_or_be_promoted(name: str) -> None:
    scheduler = make(name)
    before = scheduler.state()
    scheduler.on_end("never seen")
    scheduler.on_promote("never seen")
    assert scheduler.state() == before


def test_no_scheduler_stops_nothing(pool: Any) -> None:
    assert pool(lambda: make("none")).play().counts == {"finished": 27}


def test_every_scheduler_of_the_table_has_its_record() -> None:
    for name in SCHEDULERS:
        assert OPTIONS.validate_python({"kind": name}).kind == name
