"""Ports of our own: outside the range from which the kernel gives, and free when asked."""

import random
import socket
from pathlib import Path

from autopeft.core.errors import ClusterError

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Below lie the ports that sites give to services, 6379 and 8265 of a Ray by hand among them.
LOWEST, HIGHEST = 10_000, 65_000
TRIES = 200


def choose_ports(count: int) -> list[int]:
    """Return ports that are free on every interface of this host just now.

    Between this and their use another process may take one; whoever uses them tries again.

    Raises:
        ClusterError: None are free.
    """
    low, high = ephemeral_range()
    candidates = [port for port in range(LOWEST, HIGHEST) if not low <= port <= high]
    if not candidates:  # a kernel told to give out everything
        candidates = list(range(LOWEST, HIGHEST))
    drawn = random.SystemRandom().sample(candidates, min(TRIES, len(candidates)))
    found: list[int] = []
    for port in drawn:
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise ClusterError(f"no {count} free ports among {len(drawn)} tried on {socket.gethostname()}")


def is_free(port: int) -> bool:
    """Whether nothing listens on ``port``, on any interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def ephemeral_range() -> tuple[int, int]:
    """Return the first and the last port that the kernel gives to whoever asks for any."""
    try:
        low, high = EPHEMERAL.read_text().split()
        return int(low), int(high)
    except (OSError, ValueError):
        return 32_768, 60_999
