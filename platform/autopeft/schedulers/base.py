"""The scheduler's protocol: a report comes in, a decision goes out."""

from enum import StrEnum
from typing import Any, Protocol

from autopeft.spec.record import Record


class Decision(StrEnum):
    """What is to happen with the trial that reported."""

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"


class Scheduler(Protocol):
    """Decides after every report; deterministic given the order of the reports.

    Losses are minimised (the sweep negates what is to be maximised). ``state`` is JSON, ``load``
    makes a fresh scheduler of the same options stand where ``state`` was taken.
    """

    def on_report(self, trial: str, step: int, loss: float) -> Decision:
        """Take the loss of ``trial`` after ``step`` steps and say how it goes on."""

    def on_end(self, trial: str) -> None:
        """Learn that ``trial`` is over, for whatever reason."""

    def state(self) -> dict[str, Any]:
        """Return what ``load`` needs, as JSON."""

    def load(self, state: dict[str, Any]) -> None:
        """Stand where ``state`` was taken."""


def make_scheduler(options: Record, *, steps: int) -> Scheduler:
    """Return the scheduler that ``options`` (a record of ``spec.search``) describes.

    Args:
        options: Its ``kind`` names the entry.
        steps: Steps of a trial that runs to its end.
    """
    from autopeft.schedulers import SCHEDULERS  # the table names this module's neighbours

    scheduler: Scheduler = SCHEDULERS.load(getattr(options, "kind", ""))(options, steps=steps)
    return scheduler
