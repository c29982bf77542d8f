"""The searcher's protocol: ask for a point, tell what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from autopeft.spec.record import Record
from autopeft.spec.search import Direction
from autopeft.spec.space import Axis, Cube


@dataclass(frozen=True, slots=True)
class Proposal:
    """A point of the unit cube to evaluate; ``number`` counts the asks from 0."""

    number: int
    cube: Cube


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing now: ask again after the next result."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more, ever: the space is exhausted or the search has converged."""

    reason: str


@dataclass(frozen=True, slots=True)
class Value:
    """All steps were run; one number per objective, as the user counts them."""

    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """Stopped early at ``step`` with these values."""

    values: tuple[float, ...]
    step: int


@dataclass(frozen=True, slots=True)
class Failed:
    """No value: the configuration failed, or cannot be."""

    reason: str


Outcome: TypeAlias = Value | Pruned | Failed


class Searcher(Protocol):
    """Proposes points; deterministic given its seed and the order of calls.

    ``state`` is JSON; ``load`` on a fresh searcher of the same options makes it go on exactly
    where ``state`` was taken.
    """

    def ask(self) -> Proposal | Wait | Done:
        """Return the next point, or that there is none now, or none ever."""

    def tell(self, number: int, outcome: Outcome) -> None:
        """Take the outcome of proposal ``number``; outcomes may come in any order."""

    def state(self) -> dict[str, Any]:
        """Return what ``load`` needs, as JSON."""

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state; only on a searcher that was not asked yet."""


def make_searcher(
    options: Record, *, axes: Sequence[Axis], directions: Sequence[Direction], seed: int
) -> Searcher:
    """Return the searcher that ``options`` (a record of ``spec.search``) describes.

    Args:
        options: Its ``kind`` names the entry; its ``seed``, if any, replaces ``seed``.
        axes: The unit cube's axes.
        directions: ``min`` or ``max`` per objective.
        seed: The sweep's seed.
    """
    from autopeft.searchers import SEARCHERS  # the table names this module's neighbours

    own = getattr(options, "seed", None)
    searcher: Searcher = SEARCHERS.load(getattr(options, "kind", ""))(
        options, axes=tuple(axes), directions=tuple(directions), seed=seed if own is None else own
    )
    return searcher
