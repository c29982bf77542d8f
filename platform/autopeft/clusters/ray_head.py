"""The head of a run's Ray on this host: started with other ports until it stands, or given up."""

import time
from collections.abc import Callable, Mapping

from autopeft.clusters.allocation import HostShare
from autopeft.clusters.ports import choose_ports
from autopeft.clusters.ray_node import NodePlan, RayNode
from autopeft.clusters.ray_table import NodeTable
from autopeft.core.errors import ClusterError

MAX_STARTS = 4
STANDS_WITHIN_S = 120.0
POLL_S = 0.1

Say = Callable[[str], None]


class RayHead:
    """A head that stands; its address and dashboard are where its ports happened to be free.

    Raises:
        ClusterError: It does not start; names the host and shows Ray's own last lines.
    """

    def __init__(
        self,
        share: HostShare,
        *,
        address: str,
        objects: int,
        environment: Mapping[str, str],
        is_cancelled: Callable[[], bool],
        say: Say,
        ports: Callable[[int], list[int]] = choose_ports,
    ) -> None:
        self._name = share.name
        for attempt in range(1, MAX_STARTS + 1):
            gcs, dashboard = ports(2)
            plan = NodePlan(share.name, share, address, f"{address}:{gcs}", objects, dashboard)
            self._node = RayNode(share, environment)
            self._node.start(plan, environment)
            self.address, self.dashboard = plan.gcs, f"127.0.0.1:{dashboard}"
            self.table = NodeTable(plan.gcs, environment)
            try:
                stands = self._stands(is_cancelled)
            except BaseException:  # a request to stop as well: what was started here ends here
                self._node.stop()
                raise
            if stands:
                return
            said = f"{share.name}: Ray's head does not start. Its last lines:"
            said += f"\n{self._node.last_words()}"
            self._node.stop()
            if attempt == MAX_STARTS:
                raise ClusterError(f"{said}\n{share.name}: given up after {attempt} starts")
            say(f"{said}\n{share.name}: trying other ports")
            time.sleep(2.0 ** (attempt - 1))

    @property
    def is_alive(self) -> bool:
        """Whether Ray on this host runs."""
        return self._node.is_alive

    def last_words(self) -> str:
        """Return the last lines of what Ray wrote."""
        return self._node.last_words()

    def stop(self) -> None:
        """End it; twice is fine."""
        self._node.stop()

    def _stands(self, is_cancelled: Callable[[], bool]) -> bool:
        """Wait until the head counts itself as alive; False if it ends, or takes too long."""
        deadline = time.monotonic() + STANDS_WITHIN_S
        while self._node.is_alive and not self._node.has_failed and time.monotonic() < deadline:
            if is_cancelled():
                raise Cancelled
            if self._node.listens and self._name in (self.table.alive() or {}):
                return True
            time.sleep(POLL_S)
        return False


class Cancelled(Exception):
    """Somebody asked to stop while hosts were coming up."""
