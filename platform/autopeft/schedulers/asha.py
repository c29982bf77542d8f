"""Asynchronous successive halving with one bracket, the stopping variant.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (arXiv 1810.05934),
as Ray Tune reads it: a trial that reaches a rung is compared with those that came there *before*
it, and stops if it is worse than their (1 / reduction) quantile. Ray's ``AsyncHyperBandScheduler``
with one bracket makes the same decisions on the same reports (tests/schedulers/test_asha.py).
"""

import math
from typing import Any

import numpy as np

from autopeft.schedulers.base import Decision
from autopeft.spec.scheduler import AshaScheduler


class Asha:
    """Rungs at ``grace_steps * reduction**k`` below or at ``steps``; each holds losses by trial."""

    def __init__(self, options: AshaScheduler, *, steps: int) -> None:
        # In Ray's words, rewards to maximise: the other quantile of the losses is the same number
        # but for its last bit, and where a trial ties with its rung that bit decides.
        self._quantile = (1 - 1 / options.reduction) * 100
        rungs = int(math.log(steps / options.grace_steps) / math.log(options.reduction) + 1)
        self._rungs: list[tuple[float, dict[str, float]]] = [
            (options.grace_steps * options.reduction**k, {}) for k in reversed(range(rungs))
        ]

    def on_report(self, trial: str, step: int, loss: float) -> Decision:
        """Stop a trial that is not in the top 1/``reduction`` of the highest rung it reached.

        A loss that is not finite stops the trial and is not kept.
        """
        if not math.isfinite(loss):
            return Decision.STOP
        for milestone, losses in self._rungs:
            if step < milestone or trial in losses:
                continue
            rewards = [-other for other in losses.values()]
            worse = bool(rewards) and -loss < np.percentile(rewards, self._quantile)
            losses[trial] = loss
            return Decision.STOP if worse else Decision.CONTINUE
        return Decision.CONTINUE

    def on_end(self, trial: str) -> None:
        """Keep the trial in its rungs: later ones are compared with it."""

    def state(self) -> dict[str, Any]:
        """Return the rungs, highest first."""
        return {"rungs": [[milestone, dict(losses)] for milestone, losses in self._rungs]}

    def load(self, state: dict[str, Any]) -> None:
        """Take the rungs of ``state``."""
        self._rungs = [(milestone, dict(losses)) for milestone, losses in state["rungs"]]
