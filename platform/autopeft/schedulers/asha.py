"""Asynchronous successive halving with one bracket, the stopping variant.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (arXiv 1810.05934),
as Ray Tune reads it: a trial that reaches a rung is compared with those that came there *before*
it, and stops if it is worse than their (1 / reduction) quantile. Ray's ``AsyncHyperBandScheduler``
with one bracket makes the same decisions on the same reports (tests/schedulers/test_asha.py).
"""

import math
from typing import Any

import numpy as np

from autopeft.schedulers.base import Decision, Losses, NeverPauses
from autopeft.schedulers.ranking import scores
from autopeft.spec.scheduler import AshaScheduler


class Asha(NeverPauses):
    """Rungs at ``grace_steps * reduction**k`` below or at ``steps``; each holds losses by trial."""

    def __init__(self, options: AshaScheduler, *, steps: int, seed: int = 0) -> None:
        # In Ray's words, rewards to maximise: the other quantile of the losses is the same number
        # but for its last bit, and where a trial ties with its rung that bit decides.
        self._quantile = (1 - 1 / options.reduction) * 100
        rungs = int(math.log(steps / options.grace_steps) / math.log(options.reduction) + 1)
        self._rungs: list[tuple[float, dict[str, Losses]]] = [
            (options.grace_steps * options.reduction**k, {}) for k in reversed(range(rungs))
        ]

    def on_report(self, trial: str, step: int, *losses: float) -> Decision:
        """Stop a trial that is not in the top 1/``reduction`` of the highest rung it reached.

        A loss that is not finite stops the trial and is not kept. With several objectives the
        places in a non-dominated ranking are compared.
        """
        if not all(map(math.isfinite, losses)):
            return Decision.STOP
        for milestone, reached in self._rungs:
            if step < milestone or trial in reached:
                continue
            mine, *theirs = scores([losses, *reached.values()])
            rewards = [-other for other in theirs]
            worse = bool(rewards) and -mine < np.percentile(rewards, self._quantile)
            reached[trial] = losses
            return Decision.STOP if worse else Decision.CONTINUE
        return Decision.CONTINUE

    def on_end(self, trial: str) -> None:
        """Keep the trial in its rungs: later ones are compared with it."""

    def state(self) -> dict[str, Any]:
        """Return the rungs, highest first."""
        return {
            "rungs": [
                [milestone, {trial: list(losses) for trial, losses in reached.items()}]
                for milestone, reached in self._rungs
            ]
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the rungs of ``state``."""
        self._rungs = [
            (milestone, {trial: tuple(losses) for trial, losses in reached.items()})
            for milestone, reached in state["rungs"]
        ]
