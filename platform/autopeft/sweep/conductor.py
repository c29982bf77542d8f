"""A sweep's decisions, without Ray: what the adapters to Ray Tune talk to.

Every call writes its event to the journal first and then applies it, and replaying a journal
applies the same events in the same order. Searcher, scheduler and history therefore stand after a
resume exactly where they stood at the kill.

What runs next stands in ``agenda``, what becomes of a trial in ``verdict``, what follows from an
event in ``state``.
"""

import platform
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autopeft.core.errors import AutopeftError, RunFolderError
from autopeft.schedulers import Decision, make_scheduler
from autopeft.searchers import Done, Wait
from autopeft.spec.sweep import Sweep
from autopeft.sweep import verdict
from autopeft.sweep.agenda import next_step
from autopeft.sweep.assignment import Assignment
from autopeft.sweep.extras import retrain_runs
from autopeft.sweep.placing import agree
from autopeft.sweep.searching import opening_in, searcher_of
from autopeft.sweep.state import SweepState, last_change
from autopeft.sweep.verdict import Verdict
from autopeft.tracking.configuration import spec_of
from autopeft.tracking.events import (
    AnyEvent,
    Asked,
    Built,
    Ended,
    Paused,
    RayStarted,
    Reported,
    Retried,
    Status,
    SweepEnded,
    SweepResumed,
)
from autopeft.tracking.history import History
from autopeft.tracking.journal import Journal


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
        events: Sequence[AnyEvent] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self.sweep, self.search = sweep, sweep.settings.search
        self._journal, self._now = journal, now
        events = list(events)
        self.state = SweepState(
            self.search,
            searcher=searcher_of(sweep, opening_in(events), last_change(events)),
            scheduler=make_scheduler(
                self.search.scheduler, steps=sweep.steps, seed=sweep.settings.seed
            ),
        )
        self._attempts: dict[str, int] = {}
        self._queue: deque[str] = deque()
        self.failure: AutopeftError | None = None
        _check_values(sweep, events)
        self.state.replay(events)

    @property
    def history(self) -> History:
        """What happened so far."""
        return self.state.history

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, by the budget as it is now: it may have been raised."""
        done = self.history.is_over and self.history.counted >= self.search.trials
        return done and not retrain_runs(self.sweep, self.history)

    def resume(self, *, versions: Mapping[str, str] | None = None) -> None:
        """Note that a new driver takes over; queue what was unfinished, end what had its end.

        What was paused stays so.

        Args:
            versions: What the new driver runs with.
        """
        unfinished = [trial.id for trial in self.history.running]
        self._write(
            SweepResumed(
                time=self._now(),
                unfinished=tuple(unfinished),
                trials=self.search.trials,
                versions=dict(versions or {}),
                remark=self.state.remark,
            )
        )
        for trial in unfinished:
            end = verdict.of_kill(self.state, trial)
            if end is not None:
                self._end(trial, end)
            elif not self._pause(trial):
                self._queue.append(trial)

    def on_ray(self, *, slots: int, dashboard: str) -> None:
        """Note that machines are there."""
        here = platform.node()
        self._write(RayStarted(time=self._now(), slots=slots, dashboard=dashboard, host=here))

    def fail(self, error: AutopeftError) -> None:
        """Note that the sweep cannot go on; Tune would swallow what is raised inside of it."""
        self.failure = self.failure or error

    @property
    def is_broken(self) -> bool:
        """Whether the sweep cannot go on: the journal, the base or the data is out of reach."""
        return self.failure is not None

    def next(self) -> Assignment | Wait | Done:
        """Return the next trial for a free worker, or that there is none now, or none ever."""
        if self._queue:
            return self._assign(self._queue.popleft())
        while (step := next_step(self.sweep, self.state, now=self._now())) is not None:
            self._write(step)
            if not isinstance(step, Ended):
                return self._assign(step.trial)
        if self.history.running:
            return Wait()
        reason = self.state.search_over
        if not self.history.is_over:
            self._write(SweepEnded(time=self._now(), reason=reason or "all trials done"))
        return Done(reason)

    def on_built(
        self,
        trial: str,
        *,
        effective: str,
        trainable_parameters: int | None,
        details: Mapping[str, Any],
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
        end = verdict.of_build(
            self.state, trial, effective=effective, trainable_parameters=trainable_parameters
        )
        return self._follow(trial, end)

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
        end = verdict.of_report(
            self.state, trial, step=step, metrics=metrics, final=final, now=self._now()
        )
        if end is None and self._pause(trial):
            return Decision.PAUSE
        return self._follow(trial, end)

    def on_refused(self, trial: str, *, reason: str) -> None:
        """Take that a configuration cannot be built; it does not count."""
        self._end(trial, Verdict(Status.REFUSED, reason))

    def on_failure(self, trial: str, *, reason: str, log: str = "") -> None:
        """Try a trial again where that can help, give it up where it cannot."""
        history = self.history.trials[trial]
        if history.status is not Status.RUNNING:
            return
        again = verdict.is_worth_another_attempt(
            reason,
            retries=len(history.retries),
            max_failures=self.search.max_failures,
            has_smaller=spec_of(self.sweep, history).with_less_memory() is not None,
        )
        if again:
            self._write(Retried(time=self._now(), trial=trial, reason=reason))
            self._queue.append(trial)
        else:
            self._end(trial, Verdict(Status.FAILED, reason), log=log)

    def put_back(self, trial: str) -> None:
        """Let an unfinished trial go on elsewhere from its checkpoint: its host leaves."""
        self._queue.append(trial)

    def _assign(self, trial: str) -> Assignment:
        self._attempts[trial] = self._attempts.get(trial, 0) + 1
        history = self.history.trials[trial]
        spec = spec_of(self.sweep, history)
        return Assignment(trial, history.kind, spec, self._attempts[trial])

    def _pause(self, trial: str) -> bool:
        """Journal that a trial gives up its slot, if the scheduler said so."""
        if self.state.decisions.get(trial) is not Decision.PAUSE:
            return False
        step = self.history.trials[trial].step
        self._write(Paused(time=self._now(), trial=trial, step=step))
        return True

    def _follow(self, trial: str, end: Verdict | None) -> Decision:
        if end is None:
            return Decision.CONTINUE
        self._end(trial, end)
        return Decision.STOP

    def _end(self, trial: str, end: Verdict, *, log: str = "") -> None:
        """Journal the end of a trial; one that has ended already stays as it is."""
        if self.history.trials[trial].status is Status.RUNNING:
            self._write(
                Ended(
                    time=self._now(),
                    trial=trial,
                    status=end.status,
                    reason=end.reason,
                    log=log[-4000:],
                    duplicate_of=end.duplicate_of,
                )
            )

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
        self.state.apply(event)


def _check_values(sweep: Sweep, events: Sequence[AnyEvent]) -> None:
    """Refuse a search file in which the journal's points would mean other values.

    Raises:
        RunFolderError: The file was changed by hand.
    """
    since = last_change(events)
    for event in events[events.index(since) + 1 :] if since is not None else events:
        if isinstance(event, Asked) and not _means(sweep, event):
            raise RunFolderError(
                f"{event.trial}: its point is no longer the values {event.values} that were "
                "evaluated there: search.yaml was changed by hand; undo that, and write the change "
                "behind `autopeft resume RUN`"
            )


def _means(sweep: Sweep, event: Asked) -> bool:
    try:
        values = sweep.space.decode(event.cube)
    except KeyError:
        return False
    return values.keys() == event.values.keys() and all(
        agree(values[name], event.values[name]) for name in values
    )
