"""The median rule: a trial stops that was never better than what others do on average.

Golovin et al., "Google Vizier", KDD 2017, section 3.2.2, as Ray Tune reads it: Ray's
``MedianStoppingRule`` decides the same on the same reports (tests/schedulers/test_median.py).
"""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from autopeft.schedulers.base import Decision, Losses, NeverPauses
from autopeft.schedulers.ranking import scores
from autopeft.spec.scheduler import MedianScheduler


class Median(NeverPauses):
    """Holds every report of every trial, and at each step the running means of who came as far."""

    def __init__(self, options: MedianScheduler, *, steps: int, seed: int = 0) -> None:
        self._options = options
        self._reports: dict[str, list[tuple[int, Losses]]] = {}
        # A trial's mean at a step is final once the trial is there: worked out once, not at every
        # report of every other trial. Made anew from the reports, so no part of the state.
        self._means: dict[int, Means] = {}

    def on_report(self, trial: str, step: int, *losses: float) -> Decision:
        """Stop a trial whose best loss so far is above the median of the others' running means.

        Compared are the trials that came as far, those that are over too. With several objectives
        best and mean are taken objective by objective and compared by non-dominated ranking.
        A loss that is not finite stops the trial and is not kept.
        """
        if not all(map(math.isfinite, losses)):
            return Decision.STOP
        own = self._reports.setdefault(trial, [])
        before = own[-1][0] if own else 0
        own.append((step, losses))
        decision = self._decide(trial, step)
        self._count(trial, since=before)
        return decision

    def _decide(self, trial: str, step: int) -> Decision:
        if step < self._options.grace_steps:
            return Decision.CONTINUE
        others = self._means_at(step).without(trial)
        if len(others) < self._options.min_trials:
            return Decision.CONTINUE
        best = _by_objective(min, [each for _, each in self._reports[trial]])
        if len(best) == 1:  # the means are in order: their median need not be looked for
            return Decision.STOP if best > _middle(others) else Decision.CONTINUE
        mine, *theirs = scores([best, *others])
        return Decision.STOP if mine > median(theirs) else Decision.CONTINUE

    def _means_at(self, step: int) -> "Means":
        """Return the means of all trials that came as far as ``step``."""
        if step not in self._means:
            self._means[step] = Means()
            for trial in self._reports:
                self._put(trial, step)
        return self._means[step]

    def _count(self, trial: str, *, since: int) -> None:
        """Take a trial's last report into the means of the steps that it has now reached."""
        reached = self._reports[trial][-1][0]
        for step, means in self._means.items():
            if reached <= since or since < step <= reached:  # or it went back and says it again
                means.drop(trial)
                self._put(trial, step)

    def _put(self, trial: str, step: int) -> None:
        """Enter the mean of a trial from the grace to ``step``, if it came as far."""
        reports = self._reports[trial]
        if reports[-1][0] < step:
            return
        counted = [each for at, each in reports if self._options.grace_steps <= at <= step]
        if counted:
            self._means[step].put(trial, _by_objective(fmean, counted))

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
        self._means = {}


class Means:
    """The running means of trials at one step, in order."""

    def __init__(self) -> None:
        self._of: dict[str, Losses] = {}
        self._sorted: list[Losses] = []

    def put(self, trial: str, mean: Losses) -> None:
        """Enter a trial that is not there yet."""
        self._of[trial] = mean
        insort(self._sorted, mean)

    def drop(self, trial: str) -> None:
        """Take a trial out, if it is there."""
        if trial in self._of:
            del self._sorted[bisect_left(self._sorted, self._of.pop(trial))]

    def without(self, trial: str) -> list[Losses]:
        """Return the means of the others, in order."""
        if trial not in self._of:
            return self._sorted
        place = bisect_left(self._sorted, self._of[trial])
        return self._sorted[:place] + self._sorted[place + 1 :]


def _middle(ordered: Sequence[Losses]) -> Losses:
    """Return the median of single losses that are in order, as ``statistics.median`` has it."""
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return ((ordered[half - 1][0] + ordered[half][0]) / 2,)


def _by_objective(reduce: Any, losses: Sequence[Losses]) -> Losses:
    return tuple(reduce(column) for column in zip(*losses, strict=True))
