"""A pool of workers for a scheduler: trials report losses, pause, are promoted, may fail."""

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from autopeft.schedulers import Decision, Promotion, Scheduler

STEPS, EVERY = 90, 10


@dataclass
class Pool:
    """Plays ``trials`` trials on ``slots`` workers; ``log`` is everything that was decided.

    Attributes:
        cut: After so many calls the scheduler is replaced by a fresh one with its state.
    """

    make: Callable[[], Scheduler]
    trials: int = 27
    slots: int = 3
    seed: int = 0
    failures: float = 0.0
    objectives: int = 1
    cut: int = -1
    log: list[tuple[Any, ...]] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    paused: dict[str, int] = field(default_factory=dict)

    def play(self) -> "Pool":
        """Run until every trial has ended."""
        self.scheduler, self.dice = self.make(), random.Random(self.seed)
        self.running: dict[str, int] = {}
        self.started = 0
        while self._fill():
            trial = self.dice.choice(sorted(self.running))
            self._step(trial, self.running.pop(trial) + EVERY)
        assert not self.paused
        assert len(self.ended) == self.trials
        return self

    @property
    def counts(self) -> Counter[str]:
        """How many ended how."""
        return Counter(self.ended.values())

    def _fill(self) -> bool:
        while len(self.running) < self.slots:
            promotion = self.scheduler.next_to_promote()
            if promotion is not None:
                self._promote(promotion)
            elif self.started < self.trials:
                self.running[f"t{self.started:04d}"] = 0
                self.started += 1
            elif self.running:
                return True
            elif self.paused:
                self._settle()
            else:
                return False
        return True

    def _settle(self) -> None:
        promotion = self.scheduler.next_to_promote(last=True)
        if promotion is not None:
            self._promote(promotion)
            return
        for trial in list(self.paused):
            self._end(trial, "not promoted")

    def _promote(self, promotion: Promotion) -> None:
        assert self.scheduler.next_to_promote(last=True) is not None
        assert promotion.source is None or promotion.source in self.paused
        self.log.append(("promote", promotion))
        self.running[promotion.trial] = self.paused.pop(promotion.trial)
        self.scheduler.on_promote(promotion.trial)
        self._maybe_replace()

    def _step(self, trial: str, step: int) -> None:
        if self.dice.random() < self.failures:
            self._end(trial, "failed")
            return
        quality = random.Random(trial).random()
        losses = [math.exp(-step / 40) + quality * (n + 1) for n in range(self.objectives)]
        decision = self.scheduler.on_report(trial, step, *losses)
        self.log.append((trial, step, decision))
        if step >= STEPS:
            self._end(trial, "finished")
        elif decision is Decision.STOP:
            self._end(trial, "stopped")
        elif decision is Decision.PAUSE:
            self.paused[trial] = step
        else:
            self.running[trial] = step
        self._maybe_replace()

    def _end(self, trial: str, how: str) -> None:
        assert trial not in self.ended
        self.paused.pop(trial, None)
        self.ended[trial] = how
        self.scheduler.on_end(trial)

    def _maybe_replace(self) -> None:
        if len(self.log) == self.cut:
            state = json.loads(json.dumps(self.scheduler.state()))
            self.scheduler = self.make()
            self.scheduler.load(state)
            assert json.loads(json.dumps(self.scheduler.state())) == state


@pytest.fixture(scope="session")
def pool() -> type[Pool]:
    """The class: conftest modules cannot be imported."""
    return Pool
