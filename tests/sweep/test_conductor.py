from collections.abc import Callable
from typing import Any

import pytest

from autopeft.schedulers import Decision
from autopeft.searchers import Done, Wait
from autopeft.sweep.amend import amend
from autopeft.sweep.assignment import Assignment
from autopeft.sweep.conductor import Conductor
from autopeft.tracking.events import AnyEvent, Asked, Kind, Reported, Status
from autopeft.tracking.journal import read_journal

StageMaker = Callable[..., Any]


def finished(stage: Any) -> Conductor:
    conductor: Conductor = stage.open()
    stage.play(conductor)
    stage.close()
    return conductor


def story(events: list[AnyEvent]) -> list[dict[str, Any]]:
    """The events that decide something, without their times."""
    return [
        event.model_dump(exclude={"time"}) for event in events if event.event != "sweep_resumed"
    ]


def test_a_sweep_counts_exactly_its_trials_and_runs_its_extras(stage: StageMaker) -> None:
    history = finished(stage(slots=2)).history
    assert history.counted == 12
    assert len(history.of_kind(Kind.BASELINE)) == 10
    assert len(history.of_kind(Kind.RETRAIN)) == 9
    assert history.winner is not None
    assert history.is_over


def test_baselines_run_beside_the_search_and_are_hidden_from_searcher_and_scheduler(
    stage: StageMaker,
) -> None:
    without = finished(stage("without", baselines=False)).history
    with_them = finished(stage("with")).history
    asked = [[t.cube for t in h.of_kind(Kind.TRIAL)] for h in (without, with_them)]
    assert asked[0] == asked[1]
    order = list(with_them.trials.values())
    assert order[0].name == "zero-shot"
    last_search = max(i for i, t in enumerate(order) if t.kind is Kind.TRIAL)
    assert sum(t.kind is Kind.BASELINE for t in order[:last_search]) >= 5


def test_the_search_never_sees_test(stage: StageMaker) -> None:
    at = stage()
    conductor = at.open()
    seen: list[Assignment] = []
    at.effective = lambda a: seen.append(a) or a.spec.model_dump_json()
    at.play(conductor)
    at.close()
    assert {a.score_test for a in seen if a.kind is Kind.TRIAL} == {False}
    assert {a.score_test for a in seen if a.kind is not Kind.TRIAL} == {True}


@pytest.mark.parametrize(
    "scheduler", [pytest.param({"kind": "none"}, marks=pytest.mark.slow), {"kind": "asha"}]
)
def test_killed_after_any_event_a_resumed_sweep_tells_the_same_story(
    stage: StageMaker, scheduler: dict[str, Any]
) -> None:
    """One slot: all later decisions equal the uninterrupted run's, wherever the driver died."""
    options: dict[str, Any] = {
        "scheduler": scheduler, "trials": 5, "retrain": 1, "retrain_seeds": 1,
    }  # fmt: skip
    whole = stage("whole", **options)
    finished(whole)
    expected = story(list(read_journal(whole.run.journal)))
    for moment in range(2, len(expected)):
        at = stage(f"killed-{moment}", **options)
        at.die_after = moment
        with pytest.raises(BaseException, match=r"^$"):
            at.play(at.open())
        at.close()
        at.die_after = None
        finished(at)
        assert story(list(read_journal(at.run.journal))) == expected, f"killed after {moment}"


def test_replay_gives_the_state_at_the_kill(stage: StageMaker) -> None:
    for moment in (7, 20, 33, 50, 71):
        at = stage(f"state-{moment}", slots=3)
        at.die_after = moment
        conductor = at.open()
        with pytest.raises(BaseException, match=r"^$"):
            at.play(conductor)
        at.close()
        events = list(read_journal(at.run.journal))
        # The event that was being written is on disk, but the dead driver had not applied it.
        again = Conductor(at.sweep, at.journal, events=events[:-1])
        before, after = again.state.searcher.state(), conductor.state.searcher.state()
        if isinstance(events[-1], Asked):  # asked, not yet written down
            after["calls"] = after["calls"][:-1]
        assert before == after
        assert again.state.scheduler.state() == conductor.state.scheduler.state()
        assert again.history.trials == conductor.history.trials


def test_a_resumed_finished_sweep_adds_nothing(stage: StageMaker) -> None:
    at = stage()
    finished(at)
    before = at.run.journal.read_bytes()
    finished(at)
    assert at.run.journal.read_bytes() == before


def test_what_a_finished_sweep_did_not_train_again_can_be_asked_for(stage: StageMaker) -> None:
    at = stage(trials=4, baselines=False, retrain=0)
    assert finished(at).history.winner is None
    amend(at.run, ["search.retrain=1"])
    at.sweep = at.run.sweep()
    history = finished(at).history
    assert history.counted == 4
    assert history.winner is not None
    assert history.winner.of == history.ranked()[0].id
    before = at.run.journal.read_bytes()
    finished(at)
    assert at.run.journal.read_bytes() == before


def test_a_stopped_trial_without_its_last_line_is_stopped_on_resume(stage: StageMaker) -> None:
    at = stage(trials=8)
    finished(at)
    events = list(read_journal(at.run.journal))
    cut = next(i for i, e in enumerate(events) if e.event == "ended" and e.status is Status.STOPPED)
    conductor = Conductor(at.sweep, at.journal, events=events[:cut])
    stopped = events[cut]
    assert conductor.history.trials[stopped.trial].status is Status.RUNNING
    conductor._journal = _Memory()  # type: ignore[assignment]
    conductor.resume()
    assert conductor.history.trials[stopped.trial].status is Status.STOPPED


class _Memory:
    def write(self, event: AnyEvent) -> None:
        """Keep nothing."""


def test_a_duplicate_is_told_the_earlier_value_and_does_not_count(stage: StageMaker) -> None:
    at = stage(trials=10, scheduler={"kind": "none"})
    numbers = iter(range(1000))
    at.effective = lambda a: "same" if next(numbers) % 4 in (0, 1) else a.trial
    history = finished(at).history
    twins = [t for t in history.of_kind(Kind.TRIAL) if t.status is Status.DUPLICATE]
    assert twins
    assert history.counted == 10
    assert all(history.trials[t.duplicate_of or ""].effective == "same" for t in twins)
    assert not any(t.reports for t in twins)


def test_a_duplicate_of_a_running_trial_is_told_when_that_one_ends(stage: StageMaker) -> None:
    at = stage(trials=3, baselines=False, scheduler={"kind": "none"})
    conductor = at.open()
    told: list[tuple[int, Any]] = []
    tell = conductor.state.searcher.tell
    conductor.state.searcher.tell = lambda n, o: (told.append((n, o)), tell(n, o))[1]  # type: ignore[method-assign]
    first, second = conductor.next(), conductor.next()
    assert isinstance(first, Assignment)
    assert isinstance(second, Assignment)
    build: Any = {"effective": "x", "trainable_parameters": 1, "details": {}}
    assert conductor.on_built(first.trial, **build) is Decision.CONTINUE
    assert conductor.on_built(second.trial, **build) is Decision.STOP
    assert told == []
    conductor.on_report(first.trial, step=80, metrics={"accuracy": 0.7}, final=True)
    assert [n for n, _ in told] == [0, 1]
    assert told[0][1].values == told[1][1].values
    assert told[1][1].seconds is None  # it cost nothing, so it says nothing of its method's costs
    at.close()


def test_twenty_duplicates_in_a_row_end_the_search_with_a_sentence(stage: StageMaker) -> None:
    at = stage(trials=50, retrain=0, baselines=False)
    at.effective = lambda a: "always the same"
    history = finished(at).history
    assert history.counted == 1
    assert len(history.trials) == 21
    assert history.ended is not None
    assert "space is exhausted" in history.ended.reason


def test_too_many_parameters_are_refused_before_training_and_not_counted(
    stage: StageMaker,
) -> None:
    at = stage(trials=3, retrain=0, constraints={"trainable_parameters": {"at_most": 99}})
    history = finished(at).history
    refused = [t for t in history.of_kind(Kind.TRIAL) if t.status is Status.REFUSED]
    assert len(refused) == 100
    assert history.counted == 0
    assert history.ended is not None
    assert "refused" in history.ended.reason


def test_out_of_memory_is_tried_again_with_half_the_batch(stage: StageMaker) -> None:
    at = stage(baselines=False)
    conductor = at.open()
    first = conductor.next()
    assert isinstance(first, Assignment)
    conductor.on_failure(first.trial, reason="out of memory: 2 GB")
    second = conductor.next()
    assert isinstance(second, Assignment)
    assert (second.trial, second.attempt) == (first.trial, 2)
    sizes = [(a.spec.training.batch_size, a.spec.training.accumulation) for a in (first, second)]
    assert sizes == [(40, 1), (20, 2)]
    for _ in range(3):
        conductor.on_failure(first.trial, reason="out of memory: 2 GB")
        conductor.next()
    conductor.on_failure(first.trial, reason="out of memory: 2 GB")
    assert conductor.history.trials[first.trial].status is Status.FAILED
    at.close()


def test_a_lost_worker_is_tried_again_as_often_as_allowed(stage: StageMaker) -> None:
    at = stage(baselines=False, max_failures=2)
    conductor = at.open()
    first = conductor.next()
    assert isinstance(first, Assignment)
    for attempt in (2, 3):
        conductor.on_failure(first.trial, reason="worker lost: gone")
        again = conductor.next()
        assert isinstance(again, Assignment)
        assert (again.trial, again.attempt) == (first.trial, attempt)
    conductor.on_failure(first.trial, reason="worker lost: gone")
    assert conductor.history.trials[first.trial].status is Status.FAILED
    at.close()


def test_nan_is_a_failure_that_counts_and_is_told(stage: StageMaker) -> None:
    at = stage(trials=6, baselines=False, retrain=0)
    at.accuracy = lambda a, step: float("nan") if a.trial in ("t0001", "t0003") else 0.5
    history = finished(at).history
    assert history.counted == 6
    assert history.failures() == {"nan": 2}
    assert list(read_journal(at.run.journal))


def test_hours_end_the_search_and_stop_what_runs(stage: StageMaker) -> None:
    at = stage(trials=1000, hours=1.0, baselines=False, retrain=0)
    conductor = at.open()
    clock = iter(range(2, 10_000_000, 60))
    conductor._now = lambda: float(next(clock))
    at.play(conductor)
    at.close()
    assert 1 < conductor.history.counted < 100
    assert conductor.history.ended is not None
    assert "hours" in conductor.history.ended.reason


def test_reports_that_come_again_after_a_resume_are_not_written_twice(stage: StageMaker) -> None:
    at = stage(baselines=False, scheduler={"kind": "none"})
    conductor = at.open()
    first = conductor.next()
    assert isinstance(first, Assignment)
    for step in (10, 20, 10, 20, 30):
        conductor.on_report(first.trial, step=step, metrics={"accuracy": 0.1}, final=False)
    at.close()
    steps = [e.step for e in read_journal(at.run.journal) if isinstance(e, Reported)]
    assert steps == [10, 20, 30]


def test_wait_only_while_something_runs(stage: StageMaker) -> None:
    at = stage(trials=1, baselines=False)
    conductor = at.open()
    first = conductor.next()
    assert isinstance(first, Assignment)
    assert isinstance(conductor.next(), Wait)
    conductor.on_report(first.trial, step=80, metrics={"accuracy": 0.5}, final=True)
    assert isinstance(conductor.next(), Assignment)
    at.close()
    assert Done("x").reason == "x"


def test_a_trial_whose_host_leaves_goes_on_elsewhere_at_no_cost(stage):
    at = stage()
    conductor = at.open()
    first = conductor.next()
    conductor.on_built(first.trial, effective="x", trainable_parameters=1, details={})
    conductor.on_report(first.trial, step=10, metrics={"accuracy": 0.5}, final=False)
    conductor.put_back(first.trial)
    again = conductor.next()
    assert (again.trial, again.attempt) == (first.trial, first.attempt + 1)
    assert conductor.history.trials[first.trial].retries == []
    at.close()
