"""Hyperband: brackets of asynchronous successive halving that judge sooner and later.

Li et al., "Hyperband", JMLR 18 (2018); its brackets run asynchronously, as in Ray's
``AsyncHyperBandScheduler(brackets=…)``, which decides the same on the same reports and brackets
(tests/schedulers/test_hyperband.py). Nobody knows which grace suits a task: the first bracket
judges at ``grace_steps``, each further one a rung later.
"""

import math
from itertools import accumulate
from typing import Any

from autopeft.core.seeds import derive_seed
from autopeft.schedulers.asha import Asha, rungs_below
from autopeft.schedulers.base import Alike, Decision, Promotion, always
from autopeft.spec.scheduler import AshaScheduler, HyperbandScheduler


class Hyperband:
    """Several ``Asha``; a trial's bracket is drawn from its name, so no state is needed for it."""

    def __init__(self, options: HyperbandScheduler, *, steps: int, seed: int = 0) -> None:
        rungs = rungs_below(steps, grace_steps=options.grace_steps, reduction=options.reduction)
        count = max(min(options.brackets or rungs, rungs), 1)
        halving = AshaScheduler(
            grace_steps=options.grace_steps, reduction=options.reduction, mode=options.mode
        )
        self._brackets = [Asha(halving, steps=steps, skip=skip) for skip in range(count)]
        self._ends = list(accumulate(shares(count, reduction=options.reduction)))
        self._seed = seed

    def bracket_of(self, trial: str) -> int:
        """Return a trial's bracket, 0 being judged first; always the same for the same name."""
        drawn = derive_seed(self._seed, "bracket", trial) / 2**31
        return next((n for n, end in enumerate(self._ends) if drawn < end), len(self._ends) - 1)

    def on_report(self, trial: str, step: int, *losses: float) -> Decision:
        """Let its bracket decide."""
        return self._of(trial).on_report(trial, step, *losses)

    def next_to_promote(self, *, last: bool = False, alike: Alike = always) -> Promotion | None:
        """Return whom a bracket promotes, the one that judges first being asked first."""
        for bracket in self._brackets:
            promotion = bracket.next_to_promote(last=last, alike=alike)
            if promotion is not None:
                return promotion
        return None

    def on_promote(self, trial: str) -> None:
        """Tell its bracket."""
        self._of(trial).on_promote(trial)

    def on_end(self, trial: str) -> None:
        """Tell its bracket."""
        self._of(trial).on_end(trial)

    def state(self) -> dict[str, Any]:
        """Return the brackets."""
        return {"brackets": [bracket.state() for bracket in self._brackets]}

    def load(self, state: dict[str, Any]) -> None:
        """Take the brackets of ``state``."""
        for bracket, saved in zip(self._brackets, state["brackets"], strict=True):
            bracket.load(saved)

    def _of(self, trial: str) -> Asha:
        return self._brackets[self.bracket_of(trial)]


def shares(count: int, *, reduction: float) -> list[float]:
    """Return which share of the trials each bracket gets: as Hyperband counts them.

    Algorithm 1 starts n = ⌈(s_max + 1) / (s + 1) · η^s⌉ configurations in bracket s.

    Example:
        >>> [round(share, 2) for share in shares(3, reduction=3)]
        [0.53, 0.29, 0.18]
    """
    sizes = [math.ceil(count / (s + 1) * reduction**s) for s in reversed(range(count))]
    return [size / sum(sizes) for size in sizes]
