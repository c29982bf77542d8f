"""The fold: counts, ranking, groups, winner, failures; the same however it is cut in two."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopeft.spec.search import Search
from autopeft.tracking.events import (
    AnyEvent,
    Asked,
    Built,
    Ended,
    Kind,
    Paused,
    Planned,
    Promoted,
    Reported,
    Retried,
    Status,
    SweepEnded,
    SweepResumed,
)
from autopeft.tracking.history import History
from autopeft.tracking.journal import read_journal
from autopeft.tracking.run_folder import RunFolder

ENDS = st.tuples(st.sampled_from(list(Status)), st.floats(-10, 10) | st.just(math.nan))


def trial(
    name: str, number: int, status: Status, score: float | None, **built: Any
) -> list[AnyEvent]:
    """A search trial from its proposal to its end."""
    events: list[AnyEvent] = [Asked(time=number, trial=name, number=number, cube={}, values={})]
    if built:
        events.append(Built(time=number, trial=name, effective=name, **built))
    if score is not None:
        metrics = {"accuracy": score}
        events.append(Reported(time=number, trial=name, step=10, metrics=metrics, final=True))
    if status is not Status.RUNNING:
        events.append(Ended(time=number + 1, trial=name, status=status))
    return events


def again(of: str, seed: int, score: float, kind: Kind = Kind.RETRAIN) -> list[AnyEvent]:
    """A retraining (or baseline) with its validation score."""
    name = f"{kind}-{of}-{seed}"
    metrics = {"accuracy": score, "test_accuracy": score / 2}
    source = of if kind is Kind.RETRAIN else None
    return [
        Planned(time=50, trial=name, kind=kind, name=of, seed=seed, of=source),
        Reported(time=51, trial=name, step=80, metrics=metrics, final=True),
        Ended(time=52, trial=name, status=Status.FINISHED),
    ]


@given(st.lists(ENDS, max_size=20))
def test_only_whole_trials_are_ranked_and_only_real_ones_counted(
    ends: list[tuple[Status, float]],
) -> None:
    events = [
        event
        for number, (status, score) in enumerate(ends)
        for event in trial(f"t{number}", number, status, score)
    ]
    history = History(Search(), events)
    ranked = history.ranked()
    whole = [s for status, s in ends if status is Status.FINISHED and not math.isnan(s)]
    assert [t.metrics["accuracy"] for t in ranked] == sorted(whole, reverse=True)
    counting = (Status.FINISHED, Status.STOPPED, Status.FAILED)
    assert history.counted == sum(status in counting for status, _ in ends)
    assert len(history.running) == sum(status is Status.RUNNING for status, _ in ends)
    assert history.best is (ranked[0] if ranked else None)


def test_smaller_is_better_where_the_file_says_so_and_ties_go_to_the_first() -> None:
    events = [
        *trial("a", 0, Status.FINISHED, 0.5),
        *trial("b", 1, Status.FINISHED, 0.3),
        *trial("c", 2, Status.FINISHED, 0.3),
    ]
    history = History(Search(objectives={"accuracy": "min"}), events)
    assert [t.id for t in history.ranked()] == ["b", "c", "a"]


def test_what_breaks_a_constraint_is_not_ranked() -> None:
    search = Search.model_validate({"constraints": {"trainable_parameters": {"at_most": 100}}})
    events = [
        *trial("big", 0, Status.FINISHED, 0.9, trainable_parameters=101),
        *trial("small", 1, Status.FINISHED, 0.5, trainable_parameters=100),
    ]
    assert [t.id for t in History(search, events).ranked()] == ["small"]


def test_the_winner_is_the_best_in_the_mean_over_its_seeds() -> None:
    events = [
        *trial("a", 0, Status.FINISHED, 0.9), *trial("b", 1, Status.FINISHED, 0.8),
        *again("a", 1, 0.95), *again("a", 2, 0.5), *again("b", 1, 0.8), *again("b", 2, 0.78),
    ]  # fmt: skip
    history = History(Search(), events)
    assert history.winner is not None
    assert history.winner.of == "b"
    assert history.winner.mean("test_accuracy") == pytest.approx(0.395)
    assert history.winner.spread("test_accuracy") == pytest.approx(0.0070711, rel=1e-4)
    assert history.winner.mean("no such metric") is None
    assert [t.id for t in history.ranked()] == ["a", "b"], "retrainings are not search trials"


def test_groups_hold_only_what_finished() -> None:
    failed = Planned(time=60, trial="x", kind=Kind.BASELINE, name="full", seed=3)
    events = [
        *again("full", 1, 0.7, Kind.BASELINE), *again("full", 2, 0.8, Kind.BASELINE), failed,
        Ended(time=61, trial="x", status=Status.FAILED, reason="out of memory: 1 GiB"),
        Planned(time=62, trial="y", kind=Kind.BASELINE, name="head", seed=1),
    ]  # fmt: skip
    history = History(Search(), events)
    full, head = history.groups(Kind.BASELINE)
    assert (full.name, full.of, len(full.runs)) == ("full", None, 2)
    assert (head.name, head.runs, head.mean("accuracy")) == ("head", (), None)
    assert history.winner is None
    assert history.failures() == {"out of memory": 1}


def test_a_step_reported_again_after_a_restart_is_told_once() -> None:
    events = [
        Asked(time=0, trial="t", number=0, cube={}, values={}),
        Reported(time=1, trial="t", step=10, metrics={"accuracy": 0.1}),
        Reported(time=2, trial="t", step=20, metrics={"accuracy": 0.2}),
        Retried(time=3, trial="t", reason="worker lost"),
        Reported(time=4, trial="t", step=20, metrics={"accuracy": 0.2}),
        Reported(time=5, trial="t", step=30, metrics={"accuracy": 0.3}),
    ]
    told = History(Search(), events).trials["t"]
    assert [point.step for point in told.reports] == [10, 20, 30]
    assert told.retries == ["worker lost"]


def test_a_resumed_sweep_is_not_over_until_it_ends_again() -> None:
    history = History(Search(), [SweepEnded(time=1, reason="trials")])
    assert history.is_over
    history.apply(SweepResumed(time=100, trials=48))
    assert not history.is_over
    history.apply(SweepEnded(time=110, reason="trials"))
    assert history.is_over
    assert history.active_seconds == pytest.approx(10), "the gap does not count"


def test_a_history_cut_in_two_is_the_same(write_sweep: Callable[..., RunFolder]) -> None:
    run = write_sweep()
    events = list(read_journal(run.journal))
    whole = run.history()
    for cut in range(0, len(events), 37):
        half = History(run.sweep().settings.search, events[:cut])
        for event in events[cut:]:
            half.apply(event)
        assert half.trials == whole.trials
        assert half.failures() == whole.failures()


def test_the_run_folder_reads_the_same(write_sweep: Callable[..., RunFolder]) -> None:
    run = write_sweep()
    frame = run.dataframe()
    assert list(frame["trial"]) == [t.id for t in run.trials()] == list(run.history().trials)
    assert (frame["status"] == "finished").sum() == sum(
        t.status is Status.FINISHED for t in run.trials()
    )


def test_a_paused_trial_is_open_and_its_wait_is_not_its_time() -> None:
    history = History(
        Search(),
        [
            Asked(time=0, trial="t", number=0, cube={}, values={"rate": 1.0, "rank": 2}),
            Reported(time=5, trial="t", step=10, metrics={"accuracy": 0.1}),
            Paused(time=5, trial="t", step=10),
        ],
    )
    trial = history.trials["t"]
    assert (history.running, history.paused, history.counted) == ([], [trial], 0)
    assert trial.status.is_open
    history.apply(Promoted(time=105, trial="t", source="s", values={"rate": 1.2}))
    assert (history.running, history.paused) == ([trial], [])
    assert trial.values == {"rate": 1.2, "rank": 2}
    assert [(e.step, e.source, e.values) for e in trial.exploits] == [(10, "s", {"rate": 1.2})]
    history.apply(Paused(time=110, trial="t", step=10))
    history.apply(Ended(time=210, trial="t", status=Status.STOPPED, reason="scheduler: …"))
    assert trial.seconds == 10
    assert history.counted == 1


def test_who_ran_out_of_patience_is_ranked_and_who_was_stopped_is_not() -> None:
    history = History(Search())
    ends = {"a": "scheduler: early", "b": "patience: no better for 3 reports", "c": ""}
    for number, (trial, reason) in enumerate(ends.items()):
        status = Status.STOPPED if reason else Status.FINISHED
        for event in (
            Asked(time=1, trial=trial, number=number, cube={}, values={}),
            Reported(time=2, trial=trial, step=10, metrics={"accuracy": 0.9 - number / 10}),
            Ended(time=3, trial=trial, status=status, reason=reason),
        ):
            history.apply(event)
    assert [trial.id for trial in history.ranked()] == ["b", "c"]
