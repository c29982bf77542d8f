"""Population based training: the worst go on as copies of the best, with explored values.

Jaderberg et al., "Population Based Training of Neural Networks", 2017 (arXiv 1711.09846), with
truncation selection (section 4.1.1), in synchronous rounds: every member waits at each interval
until all have come as far. Who copies whom therefore does not hang on who was faster, and a copied
checkpoint is of the copy's own step; also a population larger than the number of slots is trained
side by side. Slots that a round leaves idle begin the next population.
"""

import math
import random
from typing import Any

from autopeft.core.seeds import derive_seed
from autopeft.schedulers.base import Alike, Decision, Losses, Promotion, always
from autopeft.schedulers.ranking import scores
from autopeft.spec.scheduler import PbtScheduler


class Pbt:
    """Populations of ``population`` trials, in the order of their first reports.

    With several objectives a round is ordered by ``ranking.scores``.
    """

    def __init__(self, options: PbtScheduler, *, steps: int, seed: int = 0) -> None:
        self._options, self._steps, self._seed = options, steps, seed
        # By trial, in the order of the first reports: the losses of every round.
        self._losses: dict[str, dict[int, Losses]] = {}
        self._paused: dict[str, int] = {}
        self._over: set[str] = set()

    def on_report(self, trial: str, step: int, *losses: float) -> Decision:
        """Pause at the first report of every interval; the values at it make the round's ranking.

        A loss that is not finite stops the trial and is not kept.
        """
        self._paused.pop(trial, None)
        if not all(map(math.isfinite, losses)):
            return Decision.STOP
        rounds, round_ = self._losses.setdefault(trial, {}), step // self._options.interval_steps
        if step >= self._steps or round_ <= max(rounds, default=0):
            return Decision.CONTINUE
        rounds[round_] = losses
        self._paused[trial] = round_
        return Decision.PAUSE

    def next_to_promote(self, *, last: bool = False, alike: Alike = always) -> Promotion | None:
        """Return a member whose round is complete; those that are to become copies come first.

        Until they have been promoted their sources wait, so that the checkpoints are still there.
        """
        members, size = list(self._losses), self._options.population
        for first in range(0, len(members), size):
            group = members[first : first + size]
            alive = [trial for trial in group if trial not in self._over]
            if not alive or (len(group) < size and not last):
                continue
            round_ = min(max(self._losses[trial], default=0) for trial in alive)
            waiting = [trial for trial in alive if self._paused.get(trial) == round_]
            if waiting:
                return self._first_of(waiting, self._truncated(group, round_), round_, alike)
        return None

    def on_promote(self, trial: str) -> None:
        """Pause it no longer."""
        self._paused.pop(trial, None)

    def on_end(self, trial: str) -> None:
        """Let its population go on without it."""
        self._paused.pop(trial, None)
        if trial in self._losses:
            self._over.add(trial)

    def state(self) -> dict[str, Any]:
        """Return the members with the losses of their rounds, who waits, and who is over."""
        return {
            "members": [
                [trial, [[round_, list(losses)] for round_, losses in rounds.items()]]
                for trial, rounds in self._losses.items()
            ],
            "paused": dict(self._paused),
            "over": sorted(self._over),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take the members of ``state``."""
        self._losses = {
            trial: {round_: tuple(losses) for round_, losses in rounds}
            for trial, rounds in state["members"]
        }
        self._paused, self._over = dict(state["paused"]), set(state["over"])

    def _truncated(self, group: list[str], round_: int) -> tuple[list[str], list[str]]:
        """Return the best and the worst ``quantile`` of a round, the best first in both.

        All that reached it count, also who has ended since: the ranking is the same during the
        whole round.
        """
        reached = {
            trial: self._losses[trial][round_] for trial in group if round_ in self._losses[trial]
        }
        places = scores(list(reached.values()))
        order = [
            trial for _, _, trial in sorted(zip(places, range(len(places)), reached, strict=True))
        ]
        count = min(max(int(len(order) * self._options.quantile + 1e-9), 1), len(order) // 2)
        worst = order[len(order) - count :]
        best = [trial for trial in order[:count] if reached[trial] != reached[worst[0]]]
        return best, worst

    def _first_of(
        self,
        waiting: list[str],
        truncated: tuple[list[str], list[str]],
        round_: int,
        alike: Alike,
    ) -> Promotion:
        best, worst = truncated
        for trial in worst:
            sources = [each for each in best if each in waiting and alike(trial, each)]
            if trial in waiting and sources:
                seed = derive_seed(self._seed, "exploit", trial, round_)
                return Promotion(trial, random.Random(seed).choice(sources), seed)
        return Promotion(waiting[0])
