"""Where the Ray of a run is: ``ray.json`` in its run folder, from hosts ready to the end.

The run folder lies on the file system that all hosts share, so it is where a worker that comes
late, ``status`` and ``dashboard`` find the head. Only the owner may read it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from autopeft.core.errors import ClusterError
from autopeft.core.places import write_private

FILE = "ray.json"


@dataclass(frozen=True, slots=True)
class RayHost:
    """One host as the scheduler gave it, and whether its Ray is up."""

    name: str
    cpus: int
    gpus: int
    memory_gb: float | None
    ready: bool


@dataclass(frozen=True, slots=True)
class Rendezvous:
    """A running Ray.

    Attributes:
        address: ``ip:port`` of the head, for ``RAY_ADDRESS``.
        dashboard: ``127.0.0.1:port`` on the head; empty if there is none.
        head: The name of the head's host.
        hosts: All hosts of the allocation, the head first.
        job: The scheduler's id of the job that holds them.
        token_file: What ``RAY_AUTH_TOKEN_PATH`` must name.
    """

    address: str
    dashboard: str
    head: str
    hosts: tuple[RayHost, ...]
    job: str
    token_file: str


def publish(run: Path, rendezvous: Rendezvous) -> None:
    """Write ``ray.json``, whole or not at all."""
    write_private(run / FILE, json.dumps(asdict(rendezvous), indent=2) + "\n")


def withdraw(run: Path) -> None:
    """Remove ``ray.json``; fine if there is none."""
    (run / FILE).unlink(missing_ok=True)


def find_rendezvous(run: Path) -> Rendezvous | None:
    """Return what ``ray.json`` says, or None if the run's Ray is not up.

    Raises:
        ClusterError: The file is not one of ours.
    """
    path = run / FILE
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        hosts = tuple(RayHost(**host) for host in words.pop("hosts"))
        return Rendezvous(hosts=hosts, **words)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ClusterError(f"{path}: cannot be read: {error}") from error
