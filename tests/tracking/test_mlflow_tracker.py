"""The thread beside a running sweep: costs the driver nothing, whatever the server does."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from autopeft.tracking.events import AnyEvent, Asked, Ended, Reported, Status, SweepEnded
from autopeft.tracking.journal import Journal
from autopeft.tracking.mlflow_tracker import MlflowTracker, sync
from autopeft.tracking.mlflow_words import PARENT
from autopeft.tracking.run_folder import RunFolder

Runs = Callable[[], dict[str, Any]]
Write = Callable[..., RunFolder]
REPORTS = 1000
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autopeft.tracking.mlflow_tracker.PAUSE_S", 0.1)


def pointed_at(run: RunFolder, uri: str) -> RunFolder:
    run.spec_file.write_text(yaml.safe_dump({**run.sweep().raw, "tracking": {"uri": uri}}))
    return run


def reports(trials: int = 4) -> Iterator[AnyEvent]:
    """A thousand reports of a few trials."""
    for number in range(trials):
        yield Asked(time=2e9, trial=f"t{number}", number=number, cube={}, values={"method": "lora"})
    for index in range(REPORTS):
        metrics = {f"metric_{i}": i / 7 for i in range(10)}
        trial, step = f"t{index % trials}", index // trials + 1
        yield Reported(time=2e9 + index, trial=trial, step=step, metrics=metrics)
    for number in range(trials):
        yield Ended(time=3e9, trial=f"t{number}", status=Status.FINISHED)
    yield SweepEnded(time=3e9, reason="trials: done")


def driver_seconds(run: RunFolder, tracker: MlflowTracker) -> float:
    """Play the reports and return what listening to them cost the driver."""
    journal = Journal(run.journal)
    spent = 0.0
    for event in reports():
        journal.write(event)
        begin = time.perf_counter()
        tracker.listen(event)
        spent += time.perf_counter() - begin
    journal.close()
    return spent


def test_everything_arrives_while_the_sweep_runs(
    write_sweep: Write, runs_of: Runs, client: Any
) -> None:
    run = write_sweep(trials=0, over=False)
    warnings: list[str] = []
    tracker = MlflowTracker(run, run.sweep(), warn=warnings.append)
    assert driver_seconds(run, tracker) < 2
    assert tracker.close(60)
    assert tracker.is_written
    runs = runs_of()
    assert set(runs) == {PARENT, "t0", "t1", "t2", "t3"}
    assert len(client.get_metric_history(runs["t1"].info.run_id, "metric_3")) == REPORTS // 4
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert runs[PARENT].data.tags["dashboard"] == "127.0.0.1:8265 on n1"
    assert warnings == []


@pytest.mark.parametrize("where", ["nobody", "slow"])
def test_a_server_that_is_no_good_costs_the_driver_nothing(
    write_sweep: Write, where: str, dead_port: int, slow_server: str, runs_of: Runs
) -> None:
    uri = f"http://127.0.0.1:{dead_port}" if where == "nobody" else slow_server
    plain = write_sweep(trials=0, over=False)
    raw = plain.spec_file.read_text()
    run = pointed_at(plain, uri)
    warnings: list[str] = []
    begin = time.perf_counter()
    tracker = MlflowTracker(run, run.sweep(), warn=warnings.append)
    assert driver_seconds(run, tracker) < 2
    assert not tracker.close(3)
    assert time.perf_counter() - begin < 8
    assert len(warnings) == 1
    assert "does not answer" in warnings[0]
    assert not tracker.finish(run.history(), timeout_s=1)
    assert "does not answer" in run.unsynced.read_text()

    run.spec_file.write_text(raw)  # the server is back, as it were
    assert sync(run).written == 4
    assert not run.unsynced.exists()
    assert {r.info.status for r in runs_of().values()} == {"FINISHED"}


def test_a_store_that_comes_back_gets_everything(write_sweep: Write, runs_of: Runs) -> None:
    run = write_sweep(trials=6)
    database = run.path.parent.parent / "mlflow.db"
    away = database.with_suffix(".away")
    database.rename(away)
    database.mkdir()  # sqlite cannot open a folder
    warnings: list[str] = []
    tracker = MlflowTracker(run, run.sweep(), warn=warnings.append)
    tracker.listen(SweepEnded(time=1, reason=""))
    wait_for(lambda: warnings)
    assert not tracker.is_online
    database.rmdir()
    away.rename(database)
    wait_for(lambda: tracker.is_written)
    assert tracker.is_online
    assert tracker.finish(run.history())
    assert set(runs_of()) == {PARENT, *run.history().trials}
    assert [w.startswith("MLflow answers again") for w in warnings] == [False, True]


def test_a_driver_that_leaves_closes_its_open_runs(write_sweep: Write, runs_of: Runs) -> None:
    run = write_sweep(trials=2, over=False)
    journal = Journal(run.journal)
    tracker = MlflowTracker(run, run.sweep())
    journal.listen(tracker.listen)
    journal.write(Asked(time=2e9, trial="t9", number=9, cube={}, values={}))
    assert tracker.close(60)
    journal.close()
    assert runs_of()["t9"].info.status == "KILLED"
    assert runs_of()[PARENT].data.tags["status"] == "interrupted"


def test_our_own_mistake_is_a_warning_too(
    write_sweep: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_sweep(trials=2)
    monkeypatch.setattr("autopeft.tracking.mlflow_link.MlflowStore", lambda *a, **k: 1 / 0)
    warnings: list[str] = []
    tracker = MlflowTracker(run, run.sweep(), warn=warnings.append)
    tracker.listen(SweepEnded(time=1, reason=""))
    assert not tracker.close(10)
    assert "ZeroDivisionError" in warnings[0]


def wait_for(something: Callable[[], object], timeout_s: float = 30) -> None:
    end = time.monotonic() + timeout_s
    while not something():
        assert time.monotonic() < end
        time.sleep(0.05)
