"""A journal synced into a real MLflow store: once or ten times, the same runs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autopeft.core.errors import InputError, TrackingError
from autopeft.spec.load import load_sweep
from autopeft.tracking.events import Asked, SweepEnded, SweepResumed
from autopeft.tracking.journal import Journal
from autopeft.tracking.mlflow_client import CLIENT_SETTINGS
from autopeft.tracking.mlflow_link import Link
from autopeft.tracking.mlflow_sync import finish, sync
from autopeft.tracking.mlflow_target import Target, resolve_target
from autopeft.tracking.mlflow_words import PARENT
from autopeft.tracking.run_folder import RunFolder

Runs = Callable[[], dict[str, Any]]
Write = Callable[..., RunFolder]
pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def finished(write_sweep: Write) -> RunFolder:
    """A small sweep that is over, with an adapter and a page."""
    run = write_sweep(trials=8)
    run.best.mkdir()
    (run.best / "adapter_config.json").write_text("{}")
    run.report.write_text("<p>page")
    return run


def test_a_whole_sweep_arrives_and_a_second_sync_changes_nothing(
    finished: RunFolder, runs_of: Runs, client: Any, tmp_path: Path
) -> None:
    progress: list[tuple[int, int]] = []
    report = sync(finished, progress=lambda done, total: progress.append((done, total)))
    history, first = finished.history(), runs_of()
    assert set(first) == {PARENT, *history.trials}
    assert progress[-1] == (len(history.trials), len(history.trials))
    assert report.trials == report.written == len(history.trials)
    assert (report.refused, report.model) == ((), "tiny-clap version 1")
    for trial in history.trials.values():
        child = first[trial.id]
        assert child.data.tags["mlflow.parentRunId"] == first[PARENT].info.run_id
        points = client.get_metric_history(child.info.run_id, "accuracy")
        told = [(p.step, p.metrics["accuracy"], round(p.time * 1000)) for p in trial.reports]
        assert [(p.step, p.value, p.timestamp) for p in points] == told
        assert child.info.start_time == round(trial.asked * 1000)
        assert child.info.end_time == round((trial.ended or 0) * 1000)

    again = sync(finished)
    assert (again.written, again.model) == (0, "tiny-clap version 1")
    second = runs_of()
    assert {k: v.info.run_id for k, v in second.items()} == {
        k: v.info.run_id for k, v in first.items()
    }
    assert {k: v.data.metrics for k, v in second.items()} == {
        k: v.data.metrics for k, v in first.items()
    }
    best = client.get_metric_history(first[PARENT].info.run_id, "best_accuracy")
    assert len({(p.step, p.value) for p in best}) == len(best)


def test_metrics_sent_again_to_an_open_run_stay_single(
    write_sweep: Write, runs_of: Runs, client: Any
) -> None:
    run = write_sweep(trials=0, over=False)
    from autopeft.tracking.events import Reported

    journal = Journal(run.journal)
    journal.write(Asked(time=1, trial="t", number=0, cube={}, values={}))
    for step in (10, 20):
        metrics = {"accuracy": 0.1, "loss": float("nan"), "system/memory_rss_mb": 5.0}
        journal.write(Reported(time=2 + step, trial="t", step=step, metrics=metrics))
    for _ in range(3):
        link = Link(run, run.sweep())
        link.follow()
    child = runs_of()["t"]
    assert child.info.status == "RUNNING"
    for key in ("accuracy", "loss", "system/memory_rss_mb"):
        points = client.get_metric_history(child.info.run_id, key)
        assert [p.step for p in points] == [10, 20]
    journal.close()


def test_the_winner_is_registered_from_its_plain_folder(
    finished: RunFolder, runs_of: Runs, client: Any, tmp_path: Path
) -> None:
    finish(finished, finished.history())
    assert finish(finished, finished.history()) == "tiny-clap version 1"
    (version,) = client.search_model_versions("name='tiny-clap'")
    runs = runs_of()
    parent = runs[PARENT]
    assert parent.data.tags["winner_run"] == version.run_id
    adapted = next(r for r in runs.values() if r.info.run_id == version.run_id)
    assert adapted.data.tags["of"] == parent.data.tags["winner_trial"]
    files = list((tmp_path / "mlartifacts").rglob("*.*"))
    assert {f.name for f in files if f.is_file()} == {
        "adapter_config.json", "search.yaml", "resolved.yaml", "report.html",
    }  # fmt: skip
    assert version.source == f"{adapted.info.artifact_uri}/adapter"
    assert (tmp_path / "mlartifacts").stat().st_mode & 0o077 == 0


def test_a_killed_sweep_is_closed_and_opened_again_when_it_goes_on(
    write_sweep: Write, runs_of: Runs
) -> None:
    run = write_sweep(trials=4, over=False)
    journal = Journal(run.journal)
    journal.write(Asked(time=2e9, trial="t9", number=9, cube={}, values={}))
    sync(run)
    assert runs_of()["t9"].info.status == "RUNNING", "its driver lives: it holds the journal"
    journal.close()
    sync(run)
    dead = runs_of()
    assert {dead[k].info.status for k in (PARENT, "t9")} == {"KILLED"}
    assert dead["t9"].data.tags["status"] == "interrupted"

    journal = Journal(run.journal)
    journal.write(SweepResumed(time=2e9 + 5, unfinished=("t9",), trials=24))
    sync(run)
    alive = runs_of()
    assert {alive[k].info.status for k in (PARENT, "t9")} == {"RUNNING"}
    journal.write(SweepEnded(time=2e9 + 9, reason="trials: done"))
    journal.close()
    sync(run)
    assert runs_of()[PARENT].info.status == "FINISHED"
    assert len(runs_of()) == len(dead)


def test_a_trial_extended_sweep_and_a_changed_spec_do_not_trip(
    finished: RunFolder, runs_of: Runs
) -> None:
    sync(finished)
    text = finished.spec_file.read_text().replace("trials: 24", "trials: 48")
    finished.spec_file.write_text(text)
    assert sync(finished).refused == ()
    parent = runs_of()[PARENT].data
    assert (parent.params["search.trials"], parent.tags["changed.search.trials"]) == ("24", "48")


def test_twins_and_strays_are_cleared_away(finished: RunFolder, runs_of: Runs, client: Any) -> None:
    sync(finished)
    runs = runs_of()
    experiment = runs["t0000"].info.experiment_id
    tags = {"autopeft.sweep": "tiny-clap-1"}
    client.create_run(experiment, tags={**tags, "autopeft.trial": "t0000"})
    client.create_run(experiment, tags={**tags, "autopeft.trial": "t0777"})
    sync(finished)
    after = runs_of()
    assert after["t0000"].info.run_id == runs["t0000"].info.run_id
    assert after["t0777"].info.status == "KILLED"


def test_more_params_and_tags_than_a_call_takes(write_sweep: Write, runs_of: Runs) -> None:
    run = write_sweep(trials=0, over=False)
    journal = Journal(run.journal)
    values = {f"method.p{i}": "x" * 7000 for i in range(250)}
    journal.write(Asked(time=1, trial="t", number=0, cube={}, values=values))
    journal.close()
    assert sync(run).refused == ()
    params = {k: v for k, v in runs_of()["t"].data.params.items() if k in values}
    assert len(params) == 250
    assert set(map(len, params.values())) == {6000}


def test_a_run_that_was_thrown_away_is_made_again(
    finished: RunFolder, runs_of: Runs, client: Any
) -> None:
    link = Link(finished, finished.sweep())
    link.follow()
    runs = runs_of()
    client.delete_run(runs["t0001"].info.run_id)
    assert sync(finished).refused == ()
    assert len(runs_of()) == len(runs)


@pytest.mark.parametrize("where", ["nobody", "slow"])
def test_a_dead_server_is_said_quickly(
    finished: RunFolder, where: str, dead_port: int, slow_server: str
) -> None:
    uri = f"http://127.0.0.1:{dead_port}" if where == "nobody" else slow_server
    raw = {**finished.sweep().raw, "tracking": {"uri": uri}}
    from yaml import safe_dump

    finished.spec_file.write_text(safe_dump(raw))
    begin = time.monotonic()
    with pytest.raises(TrackingError, match="does not answer"):
        sync(finished)
    assert time.monotonic() - begin < 5


def test_an_empty_journal_is_said(write_sweep: Write) -> None:
    run = write_sweep(trials=0, over=False)
    run.journal.unlink()
    with pytest.raises(TrackingError, match="the journal is empty"):
        sync(run)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, "sqlite:///{root}/mlflow.db"),
        ("sqlite:///team/all.db", "sqlite:///{root}/team/all.db"),
        ("sqlite:////abs/all.db", "sqlite:////abs/all.db"),
        ("http://u:secret@host:5000", "http://u:secret@host:5000"),
    ],
)
def test_where_a_sweep_is_kept(tmp_path: Path, uri: str | None, expected: str) -> None:
    target = target_of(tmp_path, uri)
    assert target.uri == expected.format(root=tmp_path)
    assert "secret" not in target.shown + target.how_to_look


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "./mlruns"])
def test_a_folder_is_no_store(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InputError, match="write a server such as"):
        target_of(tmp_path, uri)


def target_of(tmp_path: Path, uri: str | None) -> Target:
    raw = {
        "name": "n",
        "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
        "method": {"kind": "lora", "rank": {"one_of": [1, 2]}},
        "tracking": {} if uri is None else {"uri": uri},
    }
    return resolve_target(RunFolder(tmp_path / "runs" / "n-1"), load_sweep(raw))


def test_the_client_never_retries_by_itself() -> None:
    assert CLIENT_SETTINGS["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"


def test_a_fresh_store_keeps_the_artifacts_of_default_beside_ours(
    client: Any, fresh_database: Path
) -> None:
    default = client.get_experiment_by_name("Default")
    assert default.artifact_location == (fresh_database.parent / "mlartifacts" / "0").as_uri()
