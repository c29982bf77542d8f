"""What `ray start` is told beyond its options; named by ``RAY_START_HOOK``, loaded by Ray."""

from typing import Any


def without_client_server(params: Any, head: bool) -> None:
    """Start no server for Ray Client: one open port and one Python process less on the head.

    ``--ray-client-server-port`` knows no value for "none" (Ray 2.60).
    """
    params.ray_client_server_port = None
