"""How many trials fit at a time: host by host, and anew whenever hosts come and go."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from autopeft.spec.resources import Resources

LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Node:
    """A living host of Ray's, with what it has in all."""

    address: str
    resources: Mapping[str, float]


def fitting(nodes: Iterable[Node], wanted: Resources) -> int:
    """Return how many trials fit; what is left over on two hosts makes no slot.

    Example:
        >>> three = {"CPU": 3.0, "GPU": 1.0}
        >>> fitting([Node("a", three), Node("b", three)], Resources(cpus=2))
        2
        >>> fitting([Node("a", three)], Resources(cpus=1, gpus=0.5))
        2
    """
    slots = sum(_on(node.resources, wanted) for node in nodes)
    return min(slots, wanted.max_concurrent or slots)


def _on(resources: Mapping[str, float], wanted: Resources) -> int:
    slots = int(resources.get("CPU", 0) // wanted.cpus)
    if wanted.gpus > 0:
        slots = min(slots, on_gpus(int(resources.get("GPU", 0)), wanted.gpus))
    return slots


def on_gpus(there: int, wanted: float) -> int:
    """Return how many trials fit on GPUs: a part of one is never put together from two.

    Example:
        >>> on_gpus(2, 0.4), on_gpus(2, 0.5), on_gpus(3, 2)
        (4, 4, 1)
    """
    if wanted >= 1:
        return int(there // wanted)
    return there * int(1 / wanted + 1e-9)


class Slots:
    """The number of slots now, asked for at most every two seconds.

    Args:
        nodes: Returns the living hosts.
        wanted: What one trial gets.
        leaving: Returns the addresses of hosts that will leave: they take no more trials.
        clock: Seconds.
    """

    def __init__(
        self,
        nodes: Callable[[], Iterable[Node]],
        wanted: Resources,
        *,
        leaving: Callable[[], Collection[str]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nodes, self._wanted, self._leaving, self._clock = nodes, wanted, leaving, clock
        self._now, self._gone, self._look_at = 0, frozenset[str](), float("-inf")

    def __call__(self) -> int:
        """Return how many trials fit."""
        self._look()
        return self._now

    def is_leaving(self, address: str) -> bool:
        """Whether the host has said that it will leave."""
        self._look()
        return address in self._gone

    def _look(self) -> None:
        if self._clock() < self._look_at:
            return
        self._look_at = self._clock() + LOOK_EVERY_S
        self._gone = frozenset(self._leaving())
        staying = [node for node in self._nodes() if node.address not in self._gone]
        self._now = fitting(staying, self._wanted)


def fixed(slots: int) -> Slots:
    """Return slots that neither come nor go."""
    return Slots(lambda: [Node("", {"CPU": float(slots)})], Resources())


def ray_nodes() -> list[Node]:
    """Return the living hosts of the Ray that this process has joined."""
    import ray

    return [
        Node(node["NodeManagerAddress"], node["Resources"]) for node in ray.nodes() if node["Alive"]
    ]
