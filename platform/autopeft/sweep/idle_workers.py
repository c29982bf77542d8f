"""Which idle workers Tune keeps for later trials: none on a host that leaves.

A trial would begin there, be put back at its first report, and the next one after it, until the
host has gone and takes one with it.
"""

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

from ray.tune.utils.object_cache import _ObjectCache


class IdleWorkers(_ObjectCache):
    """Tune's own cache of idle actors, which also knows on which host each lives.

    Args:
        before: The cache whose place it takes; it goes on from there.
        is_leaving: Whether the host of an address has said that it will leave.
    """

    def __init__(self, before: _ObjectCache, is_leaving: Callable[[str], bool]) -> None:
        super().__init__()
        self.__dict__.update(before.__dict__)
        self._is_leaving = is_leaving
        self._hosts: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    def lives(self, actor: Any, address: str) -> None:
        """Take where an actor lives."""
        self._hosts[actor] = address

    def cache_object(self, key: Any, obj: Any) -> bool:
        """Keep an actor that has fallen idle; False lets Tune end it."""
        return not self._leaves(obj) and bool(super().cache_object(key, obj))

    def flush_cached_objects(self, force_all: bool = False) -> Iterator[Any]:
        """Yield what is not kept any longer; Tune asks after every step."""
        for idle in self._cached_objects.values():
            for actor in [actor for actor in idle if self._leaves(actor)]:
                idle.remove(actor)
                self._num_cached_objects -= 1
                yield actor
        yield from super().flush_cached_objects(force_all=force_all)

    def _leaves(self, actor: Any) -> bool:
        return self._is_leaving(self._hosts.get(actor, ""))
