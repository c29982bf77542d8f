"""No early stopping: every trial runs all its steps."""

from typing import Any

from autopeft.schedulers.base import Decision, NeverPauses
from autopeft.spec.scheduler import NoScheduler


class Unscheduled(NeverPauses):
    """Lets everything continue."""

    def __init__(self, options: NoScheduler, *, steps: int, seed: int = 0) -> None:
        self._steps = steps

    def on_report(self, trial: str, step: int, *losses: float) -> Decision:
        """Continue."""
        return Decision.CONTINUE

    def on_end(self, trial: str) -> None:
        """Nothing to remember."""

    def state(self) -> dict[str, Any]:
        """Return nothing: there is no state."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Nothing to load."""
