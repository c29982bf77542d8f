"""A sweep read back from MLflow says what its run folder said; a bridge has a run of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autopeft.core.errors import TrackingError
from autopeft.spec.load import load_sweep
from autopeft.spec.warm_start import Opening
from autopeft.tracking.events import Kind, WarmStarted
from autopeft.tracking.journal import Journal
from autopeft.tracking.mlflow_bridge import BridgeFacts, log_bridge
from autopeft.tracking.mlflow_fetch import fetch
from autopeft.tracking.mlflow_sync import sync
from autopeft.tracking.run_folder import RunFolder

Write = Callable[..., RunFolder]
URI = "sqlite:///mlflow.db"
NAME = "tiny-clap-1"  # as the journal of the synthetic sweep has it


@pytest.mark.usefixtures("database")
def test_a_fetched_sweep_ranks_its_trials_as_the_journal_does(write_sweep: Write, tmp_path: Path):
    run = write_sweep()
    sync(run)
    before = run.history()
    known = RunFolder(Path(shutil.move(run.path, tmp_path / "moved")))
    found = fetch(NAME, URI, tmp_path / "fetched", root=tmp_path)
    history = found.history()
    assert found.path == tmp_path / "fetched" / NAME
    assert found.sweep().space == known.sweep().space
    assert [t.id for t in history.ranked()] == [t.id for t in before.ranked()]
    for trial in history.of_kind(Kind.TRIAL):
        was = before.trials[trial.id]
        assert trial.status is was.status
        assert trial.values == was.values
        if was.has_run_its_course:
            assert history.loss(trial.metrics) == before.loss(was.metrics)
    assert [g.name for g in history.groups(Kind.BASELINE)] == [
        g.name for g in before.groups(Kind.BASELINE)
    ]
    assert history.is_over
    journal = found.journal.read_bytes()
    assert fetch(NAME, URI, tmp_path / "fetched", root=tmp_path).path == found.path
    assert found.journal.read_bytes() == journal


@pytest.mark.usefixtures("database")
def test_what_mlflow_lacks_is_said_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(TrackingError, match="has no sweep 'nobody'"):
        fetch("nobody", URI, tmp_path / "fetched", root=tmp_path)
    assert not any((tmp_path / "fetched").glob("*"))


@pytest.mark.usefixtures("database")
def test_a_bridge_is_one_run_that_links_to_its_sources(
    write_sweep: Write, tmp_path: Path, client: Any
):
    run = write_sweep(trials=0)
    sync(run)
    model = tmp_path / "model.json"
    model.write_text("{}")
    ids = set()
    for error in (0.5, 0.25):
        facts = BridgeFacts(
            name="small", sources=[NAME, "gone"], tags={"bridge.sentence": "ridge"},
            metrics={"error/ridge of optimum": error}, files=[model],
        )  # fmt: skip
        log_bridge(facts, run.path.parent, run.sweep())
        experiments = [e.experiment_id for e in client.search_experiments()]
        (mine,) = client.search_runs(experiments, "tags.kind = 'bridge'")
        ids.add(mine.info.run_id)
        assert mine.data.metrics["error/ridge of optimum"] == error
    assert len(ids) == 1
    (parent,) = client.search_runs(experiments, "tags.kind = 'sweep'")
    assert mine.data.tags["bridge.runs"] == parent.info.run_id
    assert mine.data.tags["bridge.sources"] == f"{NAME}, gone"
    assert [f.path for f in client.list_artifacts(mine.info.run_id)] == ["model.json"]


@pytest.mark.usefixtures("database")
def test_a_sweep_links_to_the_runs_it_learnt_from(write_sweep: Write, client: Any):
    sync(write_sweep(trials=0))
    later = write_sweep(name="later", trials=0, over=False)
    journal = Journal(later.journal)
    opening = Opening(kind="best_of_history", first=({},), sources=(NAME, "gone"))
    journal.write(WarmStarted(time=1_790_001_000.0, opening=opening))
    journal.close()
    sync(later)
    experiments = [e.experiment_id for e in client.search_experiments()]
    parents = {
        run.data.tags["autopeft.sweep"]: run
        for run in client.search_runs(experiments, "tags.kind = 'sweep'")
    }
    tags = parents["later-1"].data.tags
    assert tags["warm_start.sources"] == f"{NAME}, gone"
    assert tags["warm_start.runs"] == parents[NAME].info.run_id


def test_a_dead_server_is_said_quickly(write_sweep: Write, dead_port: int):
    run = write_sweep()
    server = {"tracking": {"uri": f"http://127.0.0.1:{dead_port}"}}
    facts = BridgeFacts(name="small", sources=[], tags={}, metrics={})
    with pytest.raises(TrackingError, match="does not answer"):
        log_bridge(facts, run.path.parent, load_sweep({**run.sweep().raw, **server}))
