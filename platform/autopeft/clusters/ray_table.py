"""Who is alive, by the table that Ray's head keeps; no driver is needed to ask."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

ANSWER_WITHIN_S = 5.0
ALIVE = 0  # GcsNodeInfo.ALIVE
PREEMPTION = 2  # autoscaler.proto, DrainNodeReason: the one that a busy node does not refuse


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

    def drain(self, address: str, *, within_s: float) -> None:
        """Let nothing new begin on a host; Ray ends there by itself when nothing runs any more.

        Args:
            address: The host's.
            within_s: When it goes at the latest; Ray is only told so.
        """
        with suppress(Exception):  # the host may be gone, or the head
            client = self._connected()
            for key, node in client.get_all_node_info(timeout=ANSWER_WITHIN_S).items():
                if node.state == ALIVE and node.node_manager_address == address:
                    deadline_ms = int((time.time() + within_s) * 1000)
                    client.drain_node(key.hex(), PREEMPTION, "it leaves", deadline_ms)

    def _connected(self) -> Any:
        if self._client is None:
            # Ray's client waits 40 s for a head that does not listen (any more).
            host, _, port = self._address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=ANSWER_WITHIN_S).close()
            from ray._raylet import GcsClient  # type: ignore[attr-defined]

            self._client = GcsClient(address=self._address)
        return self._client
