"""A sweep in simulated time: any searcher, any scheduler, W workers, no Ray and no training.

Everything that happens at one moment is told before anybody asks again: with equal durations that
makes synchronous rounds of W, with others an asynchronous search.
"""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from autopeft.schedulers import Decision, Scheduler, make_scheduler
from autopeft.searchers import Done, Failed, Interim, Outcome, Proposal, Pruned, Searcher, Value
from autopeft.simulation.problem import Curve, Problem
from autopeft.spec.scheduler import NoScheduler
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
    seconds: float = 0.0


@dataclass(slots=True)
class Simulation:
    """One search; ``run`` plays it to the end, ``play`` one moment.

    Attributes:
        problem: What is searched.
        searcher: May be replaced between two moments by one that was loaded from its state.
        scheduler: As well; the default lets every trial run to its end.
        workers: Trials at a time.
        trials: How many are started.
        failures: Which share of the trials fails, at the first report.
        stretch: Draws a trial's duration in units of its curve's seconds.
        seed: Of failures and durations.
    """

    problem: Problem
    searcher: Searcher
    scheduler: Scheduler = field(default_factory=lambda: make_scheduler(NoScheduler(), steps=1))
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
    _paused: dict[int, Running] = field(default_factory=dict)
    _over: dict[int, Running] = field(default_factory=dict)
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
        """Give every free worker a trial; when nothing runs any more, stop the paused ones."""
        while True:
            while len(self._running) < self.workers and (self._promote() or self._begin()):
                pass
            if self._running or not (self._promote(last=True) or self._stop_paused()):
                return

    def _promote(self, *, last: bool = False) -> bool:
        """Let a paused trial go on, if the scheduler names one."""
        if not self._paused:
            return False
        promotion = self.scheduler.next_to_promote(last=last)
        if promotion is None:
            return False
        self.scheduler.on_promote(promotion.trial)
        number = int(promotion.trial[1:])
        trial = self._running[number] = self._paused.pop(number)
        if promotion.source is not None:
            # What explored values would do is not recorded: it goes on as its source does.
            source = self._trial(int(promotion.source[1:]))
            trial.curve, trial.reports = source.curve, min(trial.reports, len(source.curve.losses))
        self._schedule(number)
        return True

    def _begin(self) -> bool:
        """Start the searcher's next point, if there is one now."""
        if self._started >= self.trials or self.over:
            return False
        proposal = self.searcher.ask()
        if isinstance(proposal, Done):
            self.over = proposal.reason
        if not isinstance(proposal, Proposal):
            return False
        self._start(proposal)
        return True

    def _stop_paused(self) -> bool:
        """End the paused trials: nobody promotes them any more."""
        waiting = list(self._paused)
        for number in waiting:
            trial = self._paused[number]
            loss = trial.curve.losses[trial.reports - 1]
            self._end(number, Pruned((loss,), self.problem.steps[trial.reports - 1]))
        return bool(waiting)

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
        trial.seconds += seconds
        heapq.heappush(self._events, (self.time + seconds, number))

    def _report(self, number: int) -> None:
        trial = self._running[number]
        loss = trial.curve.losses[trial.reports]
        trial.reports += 1
        if trial.fails or not math.isfinite(loss):
            self._end(number, Failed("error: drawn to fail" if trial.fails else "nan"))
            return
        name, step = f"t{number:04d}", self.problem.steps[trial.reports - 1]
        decision = self.scheduler.on_report(name, step, loss)
        if trial.reports == len(trial.curve.losses):
            self._end(number, Value((loss,)))
        elif decision is Decision.CONTINUE:
            self._schedule(number)
        elif decision is Decision.PAUSE:
            self._paused[number] = self._running.pop(number)
            self.searcher.tell(number, Interim((loss,), step, seconds=trial.seconds))
        else:
            self._end(number, Pruned((loss,), step))

    def _trial(self, number: int) -> Running:
        for trials in (self._running, self._paused, self._over):
            if number in trials:
                return trials[number]
        raise KeyError(number)

    def _end(self, number: int, outcome: Outcome) -> None:
        trial = self._running.pop(number, None) or self._paused.pop(number)
        self._over[number] = trial
        self.scheduler.on_end(f"t{number:04d}")
        self.searcher.tell(number, replace(outcome, seconds=trial.seconds))
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
