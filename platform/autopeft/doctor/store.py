"""MLflow's store: can it be reached and written?"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from autopeft.core.errors import AutopeftError
from autopeft.doctor.finding import Finding, Level
from autopeft.spec.tracking import Tracking
from autopeft.tracking.mlflow_target import Target, check_alive

SQLITE_TIMEOUT_S = 5.0


def check_tracking(tracking: Tracking) -> Finding:
    """Check that MLflow's store can be reached and written; a sweep runs without it all the same.

    A sweep is not held up by its tracking, so nothing here is worse than a warning.
    """
    if not tracking.enabled:
        return Finding("tracking", Level.OK, "switched off")
    uri = tracking.uri or "sqlite:///mlflow.db"
    target = Target(uri)
    try:
        if target.is_server:
            check_alive(target)
        elif uri.startswith("sqlite:///"):
            _try_sqlite(Path.cwd() / Path(uri.removeprefix("sqlite:///")).expanduser())
        return Finding("tracking", Level.OK, f"{target.shown} can be used")
    except (AutopeftError, OSError, sqlite3.Error) as error:
        return Finding(
            "tracking", Level.WARN, f"{target.shown}: {error}",
            "sweeps run without it, `autopeft sync RUN` completes it later; start the server "
            "(mlflow/README.md), or write another tracking.uri",
        )  # fmt: skip


def _try_sqlite(database: Path) -> None:
    """Lock the database for writing and let go; a file that is not there is not made."""
    folder = database.parent
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written")
    if database.exists():
        with closing(sqlite3.connect(database, timeout=SQLITE_TIMEOUT_S)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
