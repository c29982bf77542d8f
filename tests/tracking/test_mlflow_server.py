"""A real MLflow server on loopback: followed live, killed in the middle, back again."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from autopeft.tracking.events import Asked, Ended, Reported, Status, SweepEnded
from autopeft.tracking.journal import Journal
from autopeft.tracking.mlflow_tracker import MlflowTracker, sync
from autopeft.tracking.mlflow_words import PARENT
from autopeft.tracking.run_folder import RunFolder

pytestmark = pytest.mark.slow
Write = Callable[..., RunFolder]


class Server:
    """``mlflow server`` with one worker, as small as it can be."""

    def __init__(self, database: Path, port: int) -> None:
        self.uri = f"http://127.0.0.1:{port}"
        self._command = [
            str(Path(sys.executable).parent / "mlflow"), "server", "--workers", "1",
            "--backend-store-uri", f"sqlite:///{database}", "--port", str(port),
            "--artifacts-destination", str(database.parent / "served"),
        ]  # fmt: skip
        self._folder = database.parent
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"{self.uri}/health", timeout=2).close()
                return
            time.sleep(0.5)
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)


@pytest.fixture
def server(database: Path, dead_port: int) -> Iterator[Server]:
    made = Server(database, dead_port)
    yield made
    made.stop()


def pointed_at(run: RunFolder, uri: str) -> RunFolder:
    run.spec_file.write_text(yaml.safe_dump({**run.sweep().raw, "tracking": {"uri": uri}}))
    return run


def test_a_server_killed_in_the_middle_loses_nothing(
    write_sweep: Write, server: Server, runs_of: Callable[[], dict[str, Any]], client: Any
) -> None:
    run = pointed_at(write_sweep(trials=0, over=False), server.uri)
    warnings: list[str] = []
    tracker = MlflowTracker(run, run.sweep(), warn=warnings.append)
    journal = Journal(run.journal)
    journal.listen(tracker.listen)
    journal.write(Asked(time=2e9, trial="t0", number=0, cube={}, values={"method": "lora"}))
    for step in range(1, 301):
        if step == 100:
            assert wait_for(lambda: tracker.is_written)
            server.stop()
        if step == 200:
            assert wait_for(lambda: not tracker.is_online)
            server.start()
        metrics = {"accuracy": step / 300, "loss": 1 / step}
        journal.write(Reported(time=2e9 + step, trial="t0", step=step, metrics=metrics))
        time.sleep(0.005)
    journal.write(Ended(time=3e9, trial="t0", status=Status.FINISHED))
    journal.write(SweepEnded(time=3e9, reason="trials: done"))
    journal.close()
    assert wait_for(lambda: tracker.is_written)
    assert tracker.finish(run.history())
    assert ["does not answer" in warning for warning in warnings] == [True, False]
    runs = runs_of()
    assert set(runs) == {PARENT, "t0"}
    assert {r.info.status for r in runs.values()} == {"FINISHED"}
    points = client.get_metric_history(runs["t0"].info.run_id, "accuracy")
    assert [p.step for p in points] == list(range(1, 301))


def test_artifacts_and_model_go_through_the_server(
    write_sweep: Write, server: Server, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = pointed_at(write_sweep(trials=8), server.uri)
    run.best.mkdir()
    (run.best / "adapter_config.json").write_text("{}")
    first = sync(run)
    assert (first.model, first.refused) == ("tiny-clap version 1", ())
    assert sync(run).written == 0
    (version,) = client.search_model_versions("name='tiny-clap'")
    assert version.source.startswith("mlflow-artifacts:/")
    served = run.path.parent.parent / "served"
    assert [f.name for f in served.rglob("adapter_config.json")] == ["adapter_config.json"]
    assert capsys.readouterr().out == "", "stdout is the answer's"


def wait_for(something: Callable[[], bool], timeout_s: float = 90) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if something():
            return True
        time.sleep(0.1)
    return False
