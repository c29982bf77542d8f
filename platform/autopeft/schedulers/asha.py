"""Asynchronous successive halving with one bracket: the variant that stops, and that pauses.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (arXiv 1810.05934).

``mode: stop`` reads it as Ray Tune does: a trial that reaches a rung is compared with those that
came there *before* it, and stops if it is worse than their (1 / reduction) quantile. Ray's
``AsyncHyperBandScheduler`` makes the same decisions on the same reports
(tests/schedulers/test_asha.py). ``mode: promote`` is the paper's algorithm 2: every trial pauses at
a rung, and goes on once it is in the top 1/reduction of all that came there.
"""

import math
from typing import Any

import numpy as np

from autopeft.schedulers.base import Alike, Decision, Losses, Promotion, always
from autopeft.schedulers.ranking import scores
from autopeft.spec.scheduler import AshaScheduler


class Asha:
    """Rungs at ``grace_steps * reduction**k`` below or at ``steps``; each holds losses by trial.

    With several objectives a rung is ordered by ``ranking.scores``.

    Args:
        options: What the user wrote.
        steps: Steps of a trial that runs to its end.
        seed: Not used: nothing is random.
        skip: How many of the lowest rungs are left out; Hyperband's brackets differ in it.
    """

    def __init__(self, options: AshaScheduler, *, steps: int, seed: int = 0, skip: int = 0) -> None:
        self._steps, self._reduction = steps, options.reduction
        self._pauses = options.mode == "promote"
        # In Ray's words, rewards to maximise: the other quantile of the losses is the same number
        # but for its last bit, and where a trial ties with its rung that bit decides.
        self._quantile = (1 - 1 / options.reduction) * 100
        rungs = rungs_below(steps, grace_steps=options.grace_steps, reduction=options.reduction)
        self._rungs: list[tuple[float, dict[str, Losses]]] = [
            (options.grace_steps * options.reduction**k, {}) for k in reversed(range(skip, rungs))
        ]
        self._paused: dict[str, float] = {}
        self._has_whole = False
        self._orders: dict[float, tuple[str, ...]] = {}

    def on_report(self, trial: str, step: int, *losses: float) -> Decision:
        """Stop, or pause, a trial that is not in the top 1/``reduction`` of the rung it reached.

        Only the highest rung it reached counts. A loss that is not finite stops the trial and is
        not kept.
        """
        self._paused.pop(trial, None)
        if not all(map(math.isfinite, losses)):
            return Decision.STOP
        self._has_whole = self._has_whole or step >= self._steps
        for milestone, reached in self._rungs:
            if step < milestone or trial in reached:
                continue
            is_worse = not self._pauses and self._is_worse(losses, reached)
            reached[trial] = losses
            if is_worse:
                return Decision.STOP
            if self._pauses and step < self._steps and trial not in self._top(reached):
                self._paused[trial] = milestone
                return Decision.PAUSE
            return Decision.CONTINUE
        return Decision.CONTINUE

    def next_to_promote(self, *, last: bool = False, alike: Alike = always) -> Promotion | None:
        """Return the best paused trial in the top of its rung, the highest rung first.

        With ``last`` a rung has at least one in its top, and where no trial has run all its steps
        yet, the best of the highest rung goes on whatever its place: a search has a result.
        """
        if not self._paused:
            return None
        for milestone, reached in self._rungs:
            for trial in self._top(reached, at_least=int(last)):
                if self._paused.get(trial) == milestone:
                    return Promotion(trial)
        if last and not self._has_whole:
            highest = max(self._paused.values())
            reached = next(reached for milestone, reached in self._rungs if milestone == highest)
            ranked = self._top(reached, at_least=len(reached))
            return Promotion(next(t for t in ranked if self._paused.get(t) == highest))
        return None

    def on_promote(self, trial: str) -> None:
        """Pause it no longer."""
        self._paused.pop(trial, None)

    def on_end(self, trial: str) -> None:
        """Keep the trial in its rungs: later ones are compared with it."""
        self._paused.pop(trial, None)

    def state(self) -> dict[str, Any]:
        """Return the rungs, highest first, and who waits at which."""
        return {
            "rungs": [
                [milestone, {trial: list(losses) for trial, losses in reached.items()}]
                for milestone, reached in self._rungs
            ],
            "paused": dict(self._paused),
            "has_whole": self._has_whole,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the rungs of ``state``."""
        self._rungs = [
            (milestone, {trial: tuple(losses) for trial, losses in reached.items()})
            for milestone, reached in state["rungs"]
        ]
        self._paused, self._has_whole = dict(state["paused"]), state["has_whole"]

    def _is_worse(self, losses: Losses, reached: dict[str, Losses]) -> bool:
        """Whether ``losses`` are below the quantile of those that came there before."""
        mine, *theirs = scores([losses, *reached.values()])
        rewards = [-other for other in theirs]
        return bool(rewards) and bool(-mine < np.percentile(rewards, self._quantile))

    def _top(self, reached: dict[str, Losses], *, at_least: int = 0) -> list[str]:
        """Return the top 1/``reduction`` of a rung, the best first; of equals the earlier."""
        count = max(math.floor(len(reached) / self._reduction + 1e-9), at_least)
        if not count:
            return []
        placed = zip(scores(list(reached.values())), range(len(reached)), reached, strict=True)
        return [trial for _, _, trial in sorted(placed)[:count]]


def rungs_below(steps: int, *, grace_steps: int, reduction: float) -> int:
    """Return how many rungs there are up to ``steps``.

    Example:
        >>> [rungs_below(steps, grace_steps=10, reduction=3) for steps in (9, 80, 90)]
        [0, 2, 3]
    """
    return int(math.log(steps / grace_steps) / math.log(reduction) + 1)
