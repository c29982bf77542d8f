"""What runs next, what stops, what counts: a sweep's decisions, without Ray.

Every call writes its event to the journal first and then applies it, and replaying a journal
applies the same events in the same order. Searcher, scheduler and history therefore stand after a
resume exactly where they stood at the kill.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autopeft.core.errors import AutopeftError, RunFolderError
from autopeft.schedulers import Decision, make_scheduler
from autopeft.searchers import (
    Done,
    Failed,
    Outcome,
    Proposal,
    Pruned,
    Searcher,
    Value,
    Wait,
    make_searcher,
)
from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import TrialSpec
from autopeft.sweep.extras import baseline_runs, baseline_spec, retrain_runs
from autopeft.tracking.events import (
    AnyEvent,
    Asked,
    Built,
    Ended,
    Kind,
    Planned,
    RayStarted,
    Reported,
    Retried,
    Status,
    SweepEnded,
    SweepResumed,
)
from autopeft.tracking.history import History, TrialHistory
from autopeft.tracking.journal import Journal

DUPLICATES_IN_A_ROW = 20
REFUSALS_IN_A_ROW = 100
OUT_OF_MEMORY = "out of memory"
ASKS_PER_BASELINE = 2


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial for a worker: ``attempt`` counts from 1, ``score_test`` for what is not searched."""

    trial: str
    kind: Kind
    spec: TrialSpec
    attempt: int

    @property
    def score_test(self) -> bool:
        """Whether the final report scores test: never during the search."""
        return self.kind is not Kind.TRIAL


class Conductor:
    """Decides for one sweep; see the module's text for how it survives.

    Args:
        sweep: What to search.
        journal: Where every event goes first.
        events: What an earlier driver wrote; replayed before anything else.
        now: The clock (seconds since 1970).
    """

    def __init__(
        self,
        sweep: Sweep,
        journal: Journal,
        *,
        events: Iterable[AnyEvent] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        settings = sweep.settings
        self.sweep, self.search = sweep, settings.search
        self.history = History(settings.search)
        self._journal, self._now = journal, now
        self._steps = sweep.trial(_lowest(sweep)).training.steps
        self.searcher = searcher_of(sweep)
        self.scheduler = make_scheduler(settings.search.scheduler, steps=self._steps)
        self._decisions: dict[str, Decision] = {}
        self._owed: dict[str, list[str]] = {}
        self._streak: list[Status] = []
        self._attempts: dict[str, int] = {}
        self._queue: deque[str] = deque()
        self._search_over = ""
        self.failure: AutopeftError | None = None
        for event in events:
            self._replay(event)

    def resume(self) -> None:
        """Note that a new driver takes over, and queue what was unfinished at the kill."""
        self._write(
            SweepResumed(
                time=self._now(),
                unfinished=tuple(trial.id for trial in self.history.running),
                trials=self.search.trials,
            )
        )
        self._continue_unfinished()

    def on_ray(self, *, slots: int, dashboard: str) -> None:
        """Note that machines are there."""
        self._write(RayStarted(time=self._now(), slots=slots, dashboard=dashboard))

    def any_spec(self) -> TrialSpec:
        """Return some trial of the sweep: what a worker needs to load base and data."""
        return self.sweep.trial(_lowest(self.sweep))

    def fail(self, error: AutopeftError) -> None:
        """Note that the sweep cannot go on; Tune would swallow what is raised inside of it."""
        self.failure = self.failure or error

    @property
    def is_broken(self) -> bool:
        """Whether the sweep cannot go on: the journal, the base or the data is out of reach."""
        return self.failure is not None

    # What runs next

    def next(self) -> Assignment | Wait | Done:
        """Return the next trial for a free worker, or that there is none now, or none ever."""
        if self._queue:
            return self._assign(self._queue.popleft())
        for choose in (self._next_baseline, self._next_search, self._last_baselines):
            trial = choose()
            if trial is not None:
                return self._assign(trial)
        if any(trial.kind is not Kind.RETRAIN for trial in self.history.running):
            return Wait()
        trial = self._next_retrain()
        if trial is not None:
            return self._assign(trial)
        if self.history.running:
            return Wait()
        if not self.history.is_over:
            self._write(SweepEnded(time=self._now(), reason=self._search_over or "all trials done"))
        return Done(self._search_over)

    def _next_search(self) -> str | None:
        running = sum(trial.kind is Kind.TRIAL for trial in self.history.running)
        if self.history.counted >= self.search.trials:
            self._search_over = self._search_over or f"{self.search.trials} trials done"
        if self._is_out_of_time():
            self._search_over = f"search.hours {self.search.hours:g} are over"
        if self._search_over or self.history.counted + running >= self.search.trials:
            return None
        proposal = self.searcher.ask()
        match proposal:
            case Wait():
                return None
            case Done(reason):
                self._search_over = reason
                return None
            case Proposal(number, cube):
                trial = f"t{number:04d}"
                values = self.sweep.space.decode(cube)
                self._write(
                    Asked(
                        time=self._now(), trial=trial, number=number, cube=dict(cube), values=values
                    )
                )
                return trial

    def _next_baseline(self) -> str | None:
        """A baseline after every second point asked, so that they run beside the search."""
        planned = len(self.history.of_kind(Kind.BASELINE))
        asked = len(self.history.of_kind(Kind.TRIAL))
        return self._last_baselines() if asked >= planned * ASKS_PER_BASELINE else None

    def _last_baselines(self) -> str | None:
        runs = baseline_runs(self.sweep)
        planned = len(self.history.of_kind(Kind.BASELINE))
        return self._plan(runs[planned]) if planned < len(runs) else None

    def _next_retrain(self) -> str | None:
        runs = retrain_runs(self.sweep, self.history)
        return self._plan(runs[0]) if runs else None

    def _plan(self, planned: Planned) -> str:
        self._write(planned.model_copy(update={"time": self._now()}))
        return planned.trial

    def _assign(self, trial: str) -> Assignment:
        self._attempts[trial] = self._attempts.get(trial, 0) + 1
        history = self.history.trials[trial]
        return Assignment(trial, history.kind, self._spec(history), self._attempts[trial])

    def _spec(self, trial: TrialHistory) -> TrialSpec:
        if trial.kind is Kind.BASELINE:
            spec = baseline_spec(self.sweep, trial.name, seed=trial.seed or 0)
        else:
            spec = self.sweep.trial(trial.values, seed=trial.seed)
        halvings = sum(reason.startswith(OUT_OF_MEMORY) for reason in trial.retries)
        if not halvings:
            return spec
        training = spec.training
        smaller = {
            "batch_size": training.batch_size // 2**halvings,
            "accumulation": training.accumulation * 2**halvings,
        }
        return spec.model_copy(update={"training": training.model_copy(update=smaller)})

    # What workers say

    def on_built(
        self, trial: str, *, effective: str, trainable_parameters: int, details: Mapping[str, Any]
    ) -> Decision:
        """Take what a configuration came to; stop it if it is a duplicate or breaks a bound."""
        if self.history.trials[trial].effective is None:
            self._write(
                Built(
                    time=self._now(),
                    trial=trial,
                    effective=effective,
                    trainable_parameters=trainable_parameters,
                    details=dict(details),
                )
            )
        if self.history.trials[trial].kind is not Kind.TRIAL:
            return Decision.CONTINUE
        bound = self.search.constraints.get("trainable_parameters")
        if bound is not None and bound.violation(trainable_parameters) > 0:
            reason = f"constraint: trainable_parameters {trainable_parameters} breaks {bound!r}"
            self.on_end(trial, Status.REFUSED, reason=reason)
            return Decision.STOP
        twin = self._twin(trial, effective)
        if twin is not None:
            self.on_end(trial, Status.DUPLICATE, reason=f"duplicate: of {twin}", duplicate_of=twin)
            return Decision.STOP
        return Decision.CONTINUE

    def on_report(
        self, trial: str, *, step: int, metrics: Mapping[str, float], final: bool
    ) -> Decision:
        """Take metrics; say whether the trial goes on. The last report ends it."""
        history = self.history.trials[trial]
        if history.status is not Status.RUNNING:
            return Decision.STOP
        if not history.reports or step > history.step:
            self._write(
                Reported(
                    time=self._now(),
                    trial=trial,
                    step=step,
                    metrics=dict(metrics),
                    final=final,
                )
            )
        if history.kind is Kind.TRIAL and self.history.loss(metrics) == float("inf"):
            shown = {name: metrics.get(name) for name in self.search.objectives}
            self.on_end(trial, Status.FAILED, reason=f"nan: at step {step}, {shown}")
            return Decision.STOP
        if final:
            self.on_end(trial, Status.FINISHED)
            return Decision.STOP
        if self._decisions.get(trial) is Decision.STOP:
            self.on_end(trial, Status.STOPPED, reason="scheduler: early")
            return Decision.STOP
        if history.kind is Kind.TRIAL and self._is_out_of_time():
            self.on_end(trial, Status.STOPPED, reason="hours: search.hours are over")
            return Decision.STOP
        return Decision.CONTINUE

    def on_end(
        self,
        trial: str,
        status: Status,
        *,
        reason: str = "",
        log: str = "",
        duplicate_of: str | None = None,
    ) -> None:
        """Take the end of a trial; one that has ended already stays as it is."""
        if self.history.trials[trial].status is Status.RUNNING:
            self._write(
                Ended(
                    time=self._now(),
                    trial=trial,
                    status=status,
                    reason=reason,
                    log=log[-4000:],
                    duplicate_of=duplicate_of,
                )
            )

    def on_failure(self, trial: str, *, reason: str, log: str = "") -> None:
        """Try a trial again where that can help, give it up where it cannot.

        A lost worker: as it was, from the last checkpoint, up to ``max_failures`` times. Out of
        memory: with half the batch and twice the accumulation, down to a batch of 2.
        """
        history = self.history.trials[trial]
        if history.status is not Status.RUNNING:
            return
        again = reason.startswith("worker") and len(history.retries) < self.search.max_failures
        if reason.startswith(OUT_OF_MEMORY):
            again = self._spec(history).training.batch_size // 2 >= 2
        if again:
            self._write(Retried(time=self._now(), trial=trial, reason=reason))
            self._queue.append(trial)
        else:
            self.on_end(trial, Status.FAILED, reason=reason, log=log)

    # Events

    def _write(self, event: AnyEvent) -> None:
        """Journal an event, then apply it.

        Tune logs and swallows what its callbacks raise, so a journal that cannot be written is
        also remembered: the driver ends the sweep and reports it.
        """
        try:
            self._journal.write(event)
        except RunFolderError as error:
            self.fail(error)
            raise
        self._apply(event)

    def _replay(self, event: AnyEvent) -> None:
        if isinstance(event, Asked):
            proposal = self.searcher.ask()
            if not isinstance(proposal, Proposal) or dict(proposal.cube) != event.cube:
                started = self.history.started
                raise RunFolderError(
                    f"trial {event.trial}: the searcher now proposes another point than the "
                    f"journal holds; the sweep was made with {started and started.versions}; "
                    "install those versions to resume it, or start a new run"
                )
        self._apply(event)

    def _apply(self, event: AnyEvent) -> None:
        self.history.apply(event)
        if isinstance(event, Reported):
            self._apply_report(event)
        elif isinstance(event, Ended):
            self._apply_end(event)

    def _apply_report(self, event: Reported) -> None:
        if self.history.trials[event.trial].kind is Kind.TRIAL:
            loss = self.history.loss(event.metrics)
            self._decisions[event.trial] = self.scheduler.on_report(event.trial, event.step, loss)

    def _apply_end(self, event: Ended) -> None:
        trial = self.history.trials[event.trial]
        if trial.kind is not Kind.TRIAL:
            return
        self.scheduler.on_end(trial.id)
        self._count_streak(event.status)
        twin = self.history.trials.get(event.duplicate_of or "")
        if twin is not None and twin.status is Status.RUNNING:
            self._owed.setdefault(twin.id, []).append(trial.id)
            return
        self._tell(trial, twin or trial)
        for owed in self._owed.pop(trial.id, []):
            self._tell(self.history.trials[owed], trial)

    def _tell(self, trial: TrialHistory, source: TrialHistory) -> None:
        self.searcher.tell(trial.number, self.outcome(source))

    def outcome(self, trial: TrialHistory) -> Outcome:
        """What a searcher is told of a trial that ended."""
        values = self.history.values_of(trial.metrics)
        if trial.status is Status.FINISHED and values is not None:
            return Value(values)
        if trial.status is Status.STOPPED and values is not None:
            return Pruned(values, trial.step)
        return Failed(trial.reason or "no objective was reported")

    def _count_streak(self, status: Status) -> None:
        self._streak = [*self._streak, status] if not status.counts else []
        duplicates = self._streak.count(Status.DUPLICATE)
        if duplicates >= DUPLICATES_IN_A_ROW:
            self._search_over = (
                f"the last {duplicates} configurations were all built before: the space is "
                "exhausted; widen it to go on"
            )
        if len(self._streak) - duplicates >= REFUSALS_IN_A_ROW:
            self._search_over = (
                f"the last {len(self._streak)} configurations were all refused: "
                "loosen the constraints or the space"
            )

    def _twin(self, trial: str, effective: str) -> str | None:
        for other in self.history.of_kind(Kind.TRIAL):
            same = other.effective == effective and other.id != trial
            if same and (other.status.counts or other.status is Status.RUNNING):
                return other.id
        return None

    def _is_out_of_time(self) -> bool:
        hours = self.search.hours
        if hours is None or self.history.started is None:
            return False
        since_last = self._now() - self.history.last_time
        return self.history.active_seconds + since_last > hours * 3600

    def _continue_unfinished(self) -> None:
        """Queue what was running at the kill; end what had reached its end without a line."""
        for trial in list(self.history.running):
            if trial.is_complete:
                self.on_end(trial.id, Status.FINISHED)
            elif self._decisions.get(trial.id) is Decision.STOP:
                self.on_end(trial.id, Status.STOPPED, reason="scheduler: early")
            else:
                self._queue.append(trial.id)


def searcher_of(sweep: Sweep) -> Searcher:
    """Return the sweep's searcher, not asked yet."""
    search = sweep.settings.search
    return make_searcher(
        search.searcher,
        axes=sweep.space.axes,
        directions=tuple(search.objectives.values()),
        seed=sweep.settings.seed,
    )


def _lowest(sweep: Sweep) -> dict[str, Any]:
    return sweep.space.decode({dimension.name: 0.0 for dimension in sweep.space.dimensions})
