"""A synthetic sweep, an MLflow database made ready once, and servers that are no good."""

import runpy
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from autopeft.tracking.mlflow_client import open_client, settle_mlflow
from autopeft.tracking.mlflow_target import Target
from autopeft.tracking.run_folder import RunFolder

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "synthetic_sweep.py"))


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sqlite store with all tables and no runs: making one takes seconds, copying none."""
    folder = tmp_path_factory.mktemp("mlflow")
    settle_mlflow()
    database = folder / "mlflow.db"
    open_client(Target(f"sqlite:///{database}", database, folder / "mlartifacts"))
    return database


@pytest.fixture
def database(tmp_path: Path, fresh_database: Path) -> Path:
    """The store beside ``runs/``, ready before anybody opens it."""
    return Path(shutil.copy(fresh_database, tmp_path / "mlflow.db"))


@pytest.fixture
def write_sweep(tmp_path: Path) -> Callable[..., RunFolder]:
    """Write a run folder into ``runs/``; see ``synthetic_sweep.write_sweep``."""

    def write(**wishes: Any) -> RunFolder:
        run = SYNTHETIC["write_sweep"](tmp_path, **wishes)
        assert isinstance(run, RunFolder)
        return run

    return write


@pytest.fixture
def client(database: Path) -> Any:
    """An MLflow client of the database beside the run."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{database}", f"sqlite:///{database}")


@pytest.fixture
def runs_of(client: Any) -> Callable[[], dict[str, Any]]:
    """All runs by trial; the parent under ``""``. Two for one trial is an error."""

    def runs() -> dict[str, Any]:
        experiments = [e.experiment_id for e in client.search_experiments()]
        found = client.search_runs(experiments, max_results=5000)
        by_trial = {run.data.tags.get("autopeft.trial", ""): run for run in found}
        assert len(by_trial) == len(found)
        return by_trial

    return runs


@pytest.fixture
def dead_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


@pytest.fixture
def slow_server() -> Iterator[str]:
    """A server that takes a second for every answer, and then has none."""

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(1)
            self.send_response(500)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MLflow 3.17 on SQLAlchemy 2.1 warns about itself at every query."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow.*"))
