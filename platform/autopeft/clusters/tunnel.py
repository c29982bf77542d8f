"""The way to a dashboard, which listens on its own host's loopback and nowhere else."""

import getpass
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from autopeft.clusters.local import driver_of
from autopeft.clusters.queued import is_queued
from autopeft.clusters.ray_environment import token_file
from autopeft.clusters.rendezvous import find_rendezvous
from autopeft.clusters.shell import start
from autopeft.core.errors import ClusterError
from autopeft.tracking.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Way:
    """How to look at a dashboard.

    Attributes:
        port: On its host, and on the machine one looks from.
        head: The host; empty if it is this one.
        token_file: Holds what the page asks for.
    """

    port: int
    head: str
    token_file: Path

    @property
    def address(self) -> str:
        """What to open in a browser, once there is a tunnel."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tunnel(self) -> str:
        """The command for one's own machine: through this host, if the head is another."""
        here = f"{getpass.getuser()}@{socket.getfqdn()}"
        to = f"-J {here} {getpass.getuser()}@{self.head}" if self.head else here
        return f"ssh -N -L {self.port}:127.0.0.1:{self.port} {to}"


def way_to_dashboard(run: RunFolder) -> Way:
    """Return the way to the dashboard of a running sweep.

    Raises:
        ClusterError: No Ray is up for it, or it has no dashboard.
    """
    if is_queued(run.sweep()):
        there = find_rendezvous(run.path)
        if there is None:
            raise ClusterError(
                f"{run.path.name}: its Ray is not up; `autopeft status {run.path.name}`"
            )
        dashboard, head, token = there.dashboard, there.head, Path(there.token_file)
    else:
        if driver_of(run) is None:
            raise ClusterError(f"{run.path.name}: no driver is running on this machine")
        ray, head, token = run.history().ray, "", token_file(run.path)
        dashboard = ray.dashboard if ray else ""
    port = dashboard.rpartition(":")[2]
    if not port.isdigit():
        raise ClusterError(f"{run.path.name}: its Ray has no dashboard")
    return Way(int(port), "" if head == socket.gethostname() else head, token)


def open_tunnel(way: Way) -> "subprocess.Popen[bytes] | None":
    """Start the tunnel from this machine, where one is needed; it lasts until it is ended.

    Raises:
        ClusterError: There is no ssh here.
    """
    if not way.head:
        return None
    forward = f"{way.port}:127.0.0.1:{way.port}"
    command = ["ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-L", forward, way.head]
    try:
        return start(command, environment=dict(os.environ))
    except OSError as error:
        raise ClusterError(f"ssh: cannot be started: {error.strerror}") from error
