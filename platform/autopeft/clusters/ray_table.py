"""Who is alive, by the table that Ray's head keeps; no driver is needed to ask."""

import os
import socket
from collections.abc import Mapping
from typing import Any

ANSWER_WITHIN_S = 5.0
ALIVE = 0  # GcsNodeInfo.ALIVE


class NodeTable:
    """The table of the head at ``address``.

    Ray reads its token when it is first loaded, so ``environment`` becomes this process's own.
    """

    def __init__(self, address: str, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        self._address, self._client = address, None

    def alive(self) -> dict[str, str] | None:
        """Return name and address of every node that is alive; None if the head does not answer."""
        try:
            nodes = self._connected().get_all_node_info(timeout=ANSWER_WITHIN_S).values()
        except Exception:  # Ray has no common base for "not there (yet)"
            return None
        return {node.node_name: node.node_manager_address for node in nodes if node.state == ALIVE}

    def _connected(self) -> Any:
        if self._client is None:
            # Ray's client waits 40 s for a head that does not listen (any more).
            host, _, port = self._address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=ANSWER_WITHIN_S).close()
            from ray._raylet import GcsClient  # type: ignore[attr-defined]

            self._client = GcsClient(address=self._address)
        return self._client
