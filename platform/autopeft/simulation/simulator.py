"""A sweep in simulated time: any searcher, any scheduler, W workers, no Ray and no training.

Everything that happens at one moment is told before anybody asks again: with equal durations that
makes synchronous rounds of W, with others an asynchronous search.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from autopeft.schedulers import Decision, Scheduler
from autopeft.searchers import Done, Failed, Outcome, Proposal, Pruned, Searcher, Value, Wait
from autopeft.simulation.problem import Curve, Problem
from autopeft.spec.space import Cube

Stretch = Callable[[np.random.Generator], float]


@dataclass(frozen=True, slots=True)
class Finished:
    """A trial that is over, at ``time``, after ``reports`` reports; infinite loss if it failed."""

    number: int
    cube: Cube
    loss: float
    truth: float
    time: float
    reports: int
    is_whole: bool


@dataclass(slots=True)
class Running:
    """A trial at work."""

    cube: Cube
    curve: Curve
    stretch: float
    fails: bool
    reports: int = 0


@dataclass(slots=True)
class Simulation:
    """One search; ``run`` plays it to the end, ``play`` one moment.

    Attributes:
        problem: What is searched.
        searcher: May be replaced between two moments by one that was loaded from its state.
        scheduler: As well; ``None`` lets every trial run to its end.
        workers: Trials at a time.
        trials: How many are started.
        failures: Which share of the trials fails, at the first report.
        stretch: Draws a trial's duration in units of its curve's seconds.
        seed: Of failures and durations.
    """

    problem: Problem
    searcher: Searcher
    scheduler: Scheduler | None = None
    workers: int = 1
    trials: int = 100
    failures: float = 0.0
    stretch: Stretch = lambda rng: 1.0
    seed: int = 0
    time: float = 0.0
    over: str = ""
    finished: list[Finished] = field(default_factory=list)
    busy_seconds: float = 0.0
    asked_until: float = 0.0
    _started: int = 0
    _running: dict[int, Running] = field(default_factory=dict)
    _events: list[tuple[float, int]] = field(default_factory=list)

    def run(self) -> list[Finished]:
        """Play to the end; return the finished trials in the order they ended."""
        while self.play():
            pass
        return self.finished

    def play(self) -> bool:
        """Give every free worker a trial, then play the next moment; false when all is over."""
        self._assign()
        if not self._events:
            return False
        moment = self._events[0][0]
        if self._started < self.trials and not self.over:
            self.busy_seconds += len(self._running) * (moment - self.time)
            self.asked_until = moment
        self.time = moment
        while self._events and self._events[0][0] == moment:
            _, number = heapq.heappop(self._events)
            self._report(number)
        return True

    @property
    def mean_busy(self) -> float:
        """Workers at work on average, while there were trials to give out."""
        return self.busy_seconds / self.asked_until if self.asked_until else 0.0

    def _assign(self) -> None:
        while len(self._running) < self.workers and self._started < self.trials and not self.over:
            proposal = self.searcher.ask()
            if isinstance(proposal, Wait):
                return
            if isinstance(proposal, Done):
                self.over = proposal.reason
                return
            self._start(proposal)

    def _start(self, proposal: Proposal) -> None:
        # Drawn by number, so that duration and fate do not depend on what is running beside.
        dice = np.random.default_rng([self.seed, proposal.number])
        fails = bool(dice.random() < self.failures)
        curve = self.problem.curve(proposal.cube)
        self._started += 1
        self._running[proposal.number] = Running(
            proposal.cube, curve, self.stretch(dice), fails=fails
        )
        self._schedule(proposal.number)

    def _schedule(self, number: int) -> None:
        trial = self._running[number]
        seconds = trial.curve.seconds[trial.reports] * trial.stretch
        heapq.heappush(self._events, (self.time + seconds, number))

    def _report(self, number: int) -> None:
        trial = self._running[number]
        loss = trial.curve.losses[trial.reports]
        trial.reports += 1
        if trial.fails or not math.isfinite(loss):
            self._end(number, Failed("error: drawn to fail" if trial.fails else "nan"))
            return
        name, step = f"t{number:04d}", self.problem.steps[trial.reports - 1]
        decision = Decision.CONTINUE
        if self.scheduler is not None:
            decision = self.scheduler.on_report(name, step, loss)
        if trial.reports == len(trial.curve.losses):
            self._end(number, Value((loss,)))
        elif decision is Decision.CONTINUE:
            self._schedule(number)
        else:
            self._end(number, Pruned((loss,), step))

    def _end(self, number: int, outcome: Outcome) -> None:
        trial = self._running.pop(number)
        if self.scheduler is not None:
            self.scheduler.on_end(f"t{number:04d}")
        self.searcher.tell(number, outcome)
        whole = isinstance(outcome, Value)
        self.finished.append(
            Finished(
                number,
                trial.cube,
                math.inf if isinstance(outcome, Failed) else outcome.values[0],
                trial.curve.truth if whole else math.inf,
                self.time,
                trial.reports,
                is_whole=whole,
            )
        )


def heavy_tailed(rng: np.random.Generator) -> float:
    """Draw a duration with mean 1: Pareto with index 1.5, so that its variance is infinite."""
    return float((1 + rng.pareto(1.5)) / 3)
