"""The edge to MLflow: a client that fails fast, and errors turned into sentences.

``mlflow`` is imported inside functions only. Its own retries are off unless the environment says
otherwise: one default call to a dead server takes 246 s (measured, MLflow 3.17), and a "create
run" that timed out and is sent again makes a second run.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from filelock import FileLock

from autopeft.core.errors import TrackingError
from autopeft.core.places import private_folder
from autopeft.tracking.mlflow_target import Target

CLIENT_SETTINGS = {  # read by MLflow at every call; what the environment holds already wins
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines per run that ends
}
REFUSALS = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE")
STRANGERS = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class RowsRefused(TrackingError):
    """The server answers but will not take these rows; trying again would not help."""


def open_client(target: Target) -> Any:
    """Return an ``MlflowClient`` for tracking and registry; a fresh database is made ready."""
    from mlflow import MlflowClient

    with _first_use(target):
        _make_store(target)
        client = MlflowClient(target.uri, target.uri)
        client.search_experiments(max_results=1)
    return client


def open_experiment(client: Any, target: Target, name: str) -> str:
    """Return the id of experiment ``name``, created if it is new; restored if it was deleted."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = target.artifact_location(name)
        unless_there(lambda: client.create_experiment(name, artifact_location=location))
        experiment = client.get_experiment_by_name(name)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def unless_there(create: Callable[[], object]) -> None:
    """Call ``create``; that somebody else was faster is fine."""
    from mlflow.exceptions import MlflowException

    try:
        create()
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextmanager
def answering(target: Target) -> Iterator[None]:
    """Turn whatever MLflow raises into one sentence.

    Raises:
        RowsRefused: The server understood and said no.
        TrackingError: It does not answer, or not sensibly.
    """
    settle_mlflow()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise _sentence(target, error, getattr(error, "error_code", "")) from error


def _sentence(target: Target, error: Exception, code: str) -> TrackingError:
    said = " ".join(str(error).split())[:300]
    if code in REFUSALS:
        return RowsRefused(f"MLflow at {target.shown} refuses: {said}")
    if code in STRANGERS or "error code 401" in said or "error code 403" in said:
        return TrackingError(
            f"MLflow at {target.shown} does not let us in: set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD"
        )
    return TrackingError(f"MLflow at {target.shown} does not answer: {said}")


def settle_mlflow() -> None:
    """Set what MLflow reads from the environment, before it is imported, and keep it quiet."""
    for name, value in CLIENT_SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401  # sets its own log levels, so ours come after

    for noisy in ("mlflow", "alembic"):  # "Creating initial MLflow database tables..." and the like
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _make_store(target: Target) -> None:
    """Make the tables of an empty sqlite; artifacts of its ``Default`` experiment go beside ours.

    A client that makes them puts that experiment's below the folder that the process is in.
    """
    if target.database is None or target.artifacts is None or target.database.stat().st_size:
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(target.uri, target.artifacts.as_uri())


def _first_use(target: Target) -> Any:
    """Let one process at a time make a fresh sqlite ready; two at once break each other."""
    if target.database is None:
        return nullcontext()
    if target.artifacts is not None:
        private_folder(target.artifacts)
    target.database.touch(mode=0o600, exist_ok=True)
    return FileLock(target.database.with_name(f".{target.database.name}.lock"))
