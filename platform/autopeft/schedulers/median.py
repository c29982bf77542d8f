"""The median rule: a trial stops that was never better than what others do on average.

Golovin et al., "Google Vizier", KDD 2017, section 3.2.2, as Ray Tune reads it: Ray's
``MedianStoppingRule`` decides the same on the same reports (tests/schedulers/test_median.py).
"""

import math
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from autopeft.schedulers.base import Decision, Losses, NeverPauses
from autopeft.schedulers.ranking import scores
from autopeft.spec.scheduler import MedianScheduler


class Median(NeverPauses):
    """Holds every report of every trial."""

    def __init__(self, options: MedianScheduler, *, steps: int, seed: int = 0) -> None:
        self._options = options
        self._reports: dict[str, list[tuple[int, Losses]]] = {}

    def on_report(self, trial: str, step: int, *losses: float) -> Decision:
        """Stop a trial whose best loss so far is above the median of the others' running means.

        Compared are the trials that came as far, those that are over too. With several objectives
        best and mean are taken objective by objective and compared by non-dominated ranking.
        A loss that is not finite stops the trial and is not kept.
        """
        if not all(map(math.isfinite, losses)):
            return Decision.STOP
        own = self._reports.setdefault(trial, [])
        own.append((step, losses))
        if step < self._options.grace_steps:
            return Decision.CONTINUE
        means = [mean for other in self._reports if (mean := self._mean(other, trial, step))]
        if len(means) < self._options.min_trials:
            return Decision.CONTINUE
        best = _by_objective(min, [each for _, each in own])
        mine, *theirs = scores([best, *means])
        return Decision.STOP if mine > median(theirs) else Decision.CONTINUE

    def on_end(self, trial: str) -> None:
        """Keep the trial: later ones are compared with it."""

    def state(self) -> dict[str, Any]:
        """Return the reports by trial."""
        return {
            "reports": {
                trial: [[step, list(losses)] for step, losses in reports]
                for trial, reports in self._reports.items()
            }
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the reports of ``state``."""
        self._reports = {
            trial: [(step, tuple(losses)) for step, losses in reports]
            for trial, reports in state["reports"].items()
        }

    def _mean(self, other: str, trial: str, step: int) -> Losses | None:
        """Return the mean of ``other`` from the grace to ``step``, if it came as far."""
        reports = self._reports[other]
        if other == trial or reports[-1][0] < step:
            return None
        counted = [each for at, each in reports if self._options.grace_steps <= at <= step]
        return _by_objective(fmean, counted) if counted else None


def _by_objective(reduce: Any, losses: Sequence[Losses]) -> Losses:
    return tuple(reduce(column) for column in zip(*losses, strict=True))
