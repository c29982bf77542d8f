"""Events to rows, without MLflow: the same rows however the journal is cut into batches."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autopeft.tracking.events import (
    Amended,
    AnyEvent,
    Asked,
    Ended,
    Paused,
    Promoted,
    Reported,
    Status,
    SweepResumed,
)
from autopeft.tracking.journal import read_journal
from autopeft.tracking.mlflow_rows import MlflowView
from autopeft.tracking.mlflow_words import PARENT, Row, RunRows, metric_key
from autopeft.tracking.run_folder import RunFolder


@pytest.fixture
def run(write_sweep: Callable[..., RunFolder]) -> RunFolder:
    return write_sweep()


def merged(view: MlflowView, events: list[AnyEvent], cuts: list[int]) -> dict[str, RunRows]:
    """Apply events in batches and add up what each batch hands over."""
    total: dict[str, RunRows] = {}
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    for start, end in itertools.pairwise(edges):
        for event in events[start:end]:
            view.apply(event)
        for key, rows in view.take_pending().items():
            known = total.setdefault(key, RunRows(rows.name, rows.start_ms))
            assert (known.name, known.start_ms) == (rows.name, rows.start_ms)
            known.tags |= rows.tags
            known.params |= rows.params
            known.metrics += rows.metrics
            known.status = rows.status or known.status
            known.end_ms = rows.end_ms or known.end_ms
    return total


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(cuts=st.lists(st.integers(0, 400), max_size=10))
def test_batches_do_not_matter(run: RunFolder, cuts: list[int]) -> None:
    events, sweep = list(read_journal(run.journal)), run.sweep()
    assert merged(MlflowView(sweep), events, cuts) == merged(MlflowView(sweep), events, [])


def test_every_trial_has_a_run_with_its_end(run: RunFolder) -> None:
    rows = merged(MlflowView(run.sweep()), list(read_journal(run.journal)), [])
    history = run.history()
    assert set(rows) == {PARENT, *history.trials}
    for trial in history.trials.values():
        child = rows[trial.id]
        assert child.tags["kind"] == trial.kind.value
        assert child.tags["status"] == trial.status.value
        assert {k: str(v) for k, v in trial.values.items()}.items() <= child.params.items()
        assert child.params["training.clip_norm"]  # what nobody searched decides the numbers too
        assert child.params["seed"] == child.tags["seed"]
        expected = {"failed": "FAILED", "refused": "KILLED", "duplicate": "KILLED"}
        assert child.status == expected.get(trial.status.value, "FINISHED")
        reported = {(p.step, k): v for p in trial.reports for k, v in p.metrics.items()}
        sent = {(m.step, m.key): m.value for m in child.metrics}
        assert reported.items() <= sent.items()
    assert rows["t0000"].tags["method"] == "ia3"
    assert rows["t0001"].tags["roles"] == "audio.all"
    assert rows["b0001"].tags["method"] == "head"
    assert rows["b0001"].params["method.kind"] == "head"


def test_the_parent_tells_the_sweep_in_short(run: RunFolder) -> None:
    parent = merged(MlflowView(run.sweep()), list(
        read_journal(run.journal)), [])[PARENT]  # fmt: skip
    history = run.history()
    assert history.winner is not None
    assert history.best is not None
    assert parent.tags["trials.counted"] == str(history.counted)
    assert parent.tags["best_trial"] == history.best.id
    assert parent.tags["winner_trial"] == history.winner.of
    assert parent.tags["dashboard"] == "127.0.0.1:8265 on n1"
    assert parent.params["search.trials"] == "24"
    assert parent.params["space.method.lora.rank"] == "one of 1, 2, 4, 8, 16, 32"
    last = {m.key: m.value for m in parent.metrics}
    assert last["best_accuracy"] == history.best.metrics["accuracy"]
    assert last["winner/test_accuracy_mean"] == history.winner.mean("test_accuracy")
    assert last["baseline/full/test_accuracy_std"] > 0
    climb = [m.value for m in parent.metrics if m.key == "best_accuracy"]
    assert climb == sorted(climb)


def test_a_step_told_twice_is_one_row_and_an_interruption_can_be_undone(run: RunFolder) -> None:
    view = MlflowView(run.sweep())
    for event in list(read_journal(run.journal))[:1]:
        view.apply(event)
    view.apply(Asked(time=1, trial="t", number=0, cube={}, values={}))
    for time in (2.0, 3.0):
        view.apply(Reported(time=time, trial="t", step=0, metrics={"accuracy": 0.5}))
    assert view.take_pending()["t"].metrics == [Row("accuracy", 0.5, 2000, 0)]
    view.interrupt()
    gone = view.take_pending()
    assert (gone["t"].status, gone["t"].tags["status"]) == ("KILLED", "interrupted")
    assert gone[PARENT].status == "KILLED"
    view.apply(SweepResumed(time=9, unfinished=("t",), trials=24))
    back = view.take_pending()
    assert (back["t"].status, back["t"].end_ms) == ("RUNNING", None)
    view.apply(Ended(time=10, trial="t", status=Status.FINISHED, reason="x" * 9000))
    assert len(view.take_pending()["t"].tags["reason"]) == 5000


def test_a_pause_is_shown_and_a_copy_has_its_tags(run: RunFolder) -> None:
    view = MlflowView(run.sweep())
    for event in list(read_journal(run.journal))[:1]:
        view.apply(event)
    view.apply(Asked(time=1, trial="t", number=0, cube={}, values={}))
    view.apply(Reported(time=2, trial="t", step=20, metrics={"accuracy": 0.5}))
    view.apply(Paused(time=2, trial="t", step=20))
    rows = view.take_pending()
    assert (rows["t"].status, rows["t"].tags["status"]) == ("SCHEDULED", "paused")
    assert rows[PARENT].tags["trials.paused"] == "1"
    view.interrupt()
    assert view.take_pending()["t"].status == "KILLED"
    view.apply(Amended(time=8, changes=("search.trials: 24 → 48",)))
    view.apply(SweepResumed(time=9, trials=48))
    rows = view.take_pending()
    assert (rows["t"].status, rows["t"].tags["status"]) == ("SCHEDULED", "paused")
    assert rows[PARENT].tags["amendment.1"] == "search.trials: 24 → 48"
    view.apply(Promoted(time=10, trial="t", source="s", values={"rate": 0.00123}))
    rows = view.take_pending()
    assert (rows["t"].status, rows["t"].tags["status"]) == ("RUNNING", "running")
    assert (rows["t"].tags["exploits"], rows["t"].tags["exploit.20"]) == ("1", "s: rate 0.00123")


def test_keys_are_as_mlflow_accepts_them() -> None:
    assert metric_key("a" * 300) == "a" * 250
    assert metric_key("übung@1") == "übung_1"
