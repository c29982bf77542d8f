"""Which MLflow store a sweep writes to, and whether it is there at all."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from autopeft.core.errors import TrackingError
from autopeft.spec.sweep import Sweep
from autopeft.tracking.run_folder import RunFolder

ALIVE_S = 4.0  # how long a server may take to say that it is there
SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Target:
    """An MLflow store.

    Attributes:
        uri: As MLflow takes it.
        database: The file of an sqlite store.
        artifacts: Where artifacts go; ``None`` leaves it to the server.
    """

    uri: str
    database: Path | None = None
    artifacts: Path | None = None

    @property
    def shown(self) -> str:
        """The uri without a password."""
        parts = urlsplit(self.uri)
        return (
            self.uri.replace(f"{parts.username}:{parts.password}@", "")
            if parts.password
            else (self.uri)
        )

    @property
    def is_server(self) -> bool:
        """Whether an HTTP server stands between us and the store."""
        return self.uri.startswith(("http://", "https://"))

    def artifact_location(self, experiment: str) -> str | None:
        """Return where a new experiment keeps its artifacts; ``None`` leaves it to the server."""
        if self.artifacts is None:
            return None
        return (self.artifacts / quote(experiment, safe="")).as_uri()

    @property
    def how_to_look(self) -> str:
        """An address to open, or the command that opens one."""
        if self.is_server:
            return self.shown
        return f"mlflow server --backend-store-uri {self.shown} --workers 1"


def resolve_target(run: RunFolder, sweep: Sweep) -> Target:
    """Return the store a run writes to: by default one sqlite beside ``runs/``.

    A relative sqlite path counts from the folder that holds ``runs/``.

    Raises:
        TrackingError: The uri names a store that MLflow no longer has.
    """
    return target_at(
        sweep.settings.tracking.uri or f"{SQLITE}mlflow.db", run.path.resolve().parent.parent
    )


def target_at(uri: str, root: Path) -> Target:
    """Return the store at ``uri``; a relative sqlite path counts from ``root``.

    Raises:
        TrackingError: The uri names a store that MLflow no longer has.
    """
    if uri.startswith(SQLITE):
        database = (root / Path(uri.removeprefix(SQLITE)).expanduser()).resolve()
        return Target(f"{SQLITE}{database}", database, database.parent / "mlartifacts")
    if "://" not in uri or uri.startswith("file:"):
        raise TrackingError(
            f"tracking.uri {uri!r} is a folder, which MLflow no longer takes; write "
            "sqlite:///mlflow.db or the address of a server"
        )
    artifacts = None if uri.startswith(("http://", "https://")) else root / "mlartifacts"
    return Target(uri, artifacts=artifacts)


def check_alive(target: Target) -> None:
    """Return if the store is worth talking to; a dead server is found out within seconds.

    Raises:
        TrackingError: No answer of any kind.
    """
    if target.database is not None and not target.database.parent.is_dir():
        raise TrackingError(f"{target.database.parent}: no such folder for {target.shown}")
    if not target.is_server:
        return
    try:
        urllib.request.urlopen(f"{target.uri.rstrip('/')}/health", timeout=ALIVE_S).close()
    except urllib.error.HTTPError:
        return  # it answers; what it says to real questions is seen there
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TrackingError(
            f"MLflow at {target.shown} does not answer ({reason}); nothing is lost, "
            "`autopeft sync` writes it later"
        ) from error
