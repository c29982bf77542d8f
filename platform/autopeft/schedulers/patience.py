"""Patience: a trial that no longer improves stops, whatever the others do."""

from typing import Any

from autopeft.schedulers.base import Losses
from autopeft.spec.scheduler import Patience as Options


class Patience:
    """Remembers every running trial's best and how many reports it is old."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._best: dict[str, tuple[Losses, int]] = {}

    def is_over(self, trial: str, *losses: float) -> bool:
        """Take a report; whether no objective improved by ``min_delta`` for ``reports`` reports.

        Example:
            >>> patience = Patience(Options(reports=2))
            >>> [patience.is_over("t0", loss) for loss in (0.5, 0.4, 0.4, 0.45)]
            [False, False, False, True]
        """
        best, since = self._best.get(trial, ((float("inf"),) * len(losses), 0))
        better = [
            loss < old and loss <= old - self._options.min_delta
            for loss, old in zip(losses, best, strict=True)
        ]
        new = tuple(
            loss if is_better else old
            for loss, old, is_better in zip(losses, best, better, strict=True)
        )
        since = 0 if any(better) else since + 1
        self._best[trial] = (new, since)
        return since >= self._options.reports

    def on_end(self, trial: str) -> None:
        """Forget the trial."""
        self._best.pop(trial, None)

    def state(self) -> dict[str, Any]:
        """Return best and age by trial, as JSON."""
        return {trial: [list(best), since] for trial, (best, since) in self._best.items()}
