"""The scheduler's protocol: a report comes in, a decision goes out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from autopeft.spec.record import Record

Losses: TypeAlias = tuple[float, ...]
Alike: TypeAlias = Callable[[str, str], bool]


class Decision(StrEnum):
    """What is to happen with the trial that reported.

    A paused trial gives up its slot and keeps its checkpoint until it is promoted or the search
    is over.
    """

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Promotion:
    """A paused trial goes on; with a ``source`` from that trial's checkpoint, explored by ``seed``.

    Attributes:
        trial: Goes on.
        source: Whose checkpoint it takes; ``None`` for its own.
        seed: Of what is drawn for the new values.
    """

    trial: str
    source: str | None = None
    seed: int = 0


def always(trial: str, other: str) -> bool:
    """Every trial could take every other's checkpoint."""
    return True


class Scheduler(Protocol):
    """Decides after every report; deterministic given the order of the calls.

    Losses are minimised (the sweep negates what is to be maximised); with several objectives there
    is one for each. ``state`` is JSON, ``load`` makes a fresh scheduler of the same options stand
    where ``state`` was taken.
    """

    def on_report(self, trial: str, step: int, *losses: float) -> Decision:
        """Take the losses of ``trial`` after ``step`` steps and say how it goes on."""

    def next_to_promote(self, *, last: bool = False, alike: Alike = always) -> Promotion | None:
        """Return a paused trial that is to go on, or ``None``; changes nothing.

        Args:
            last: Nothing runs and nothing new begins: whom nobody promotes now will be stopped.
            alike: Whether one trial could go on from another's checkpoint.
        """

    def on_promote(self, trial: str) -> None:
        """Learn that ``trial`` goes on; also one that was never paused here."""

    def on_end(self, trial: str) -> None:
        """Learn that ``trial`` is over, for whatever reason."""

    def state(self) -> dict[str, Any]:
        """Return what ``load`` needs, as JSON."""

    def load(self, state: dict[str, Any]) -> None:
        """Stand where ``state`` was taken."""


class NeverPauses:
    """What a scheduler that pauses nobody says of promotions."""

    def next_to_promote(self, *, last: bool = False, alike: Alike = always) -> Promotion | None:
        """Return nobody."""
        return None

    def on_promote(self, trial: str) -> None:
        """Nothing to remember."""


def make_scheduler(options: Record, *, steps: int, seed: int = 0) -> Scheduler:
    """Return the scheduler that ``options`` (a record of ``spec.search``) describes.

    Args:
        options: Its ``kind`` names the entry.
        steps: Steps of a trial that runs to its end.
        seed: Of everything random.
    """
    from autopeft.schedulers import SCHEDULERS  # the table names this module's neighbours

    entry = SCHEDULERS.load(getattr(options, "kind", ""))
    scheduler: Scheduler = entry(options, steps=steps, seed=seed)
    return scheduler
