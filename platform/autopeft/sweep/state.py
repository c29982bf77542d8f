"""What a sweep has become by its events: history, searcher and scheduler move together.

Applying is all there is: a running sweep applies what it has just journalled, a resumed one what
an earlier driver journalled, by the same code and in the same order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autopeft.schedulers import Decision, Scheduler
from autopeft.schedulers.patience import Patience
from autopeft.searchers import Failed, Interim, Outcome, Proposal, Pruned, Searcher, Value
from autopeft.searchers.base import is_same_point
from autopeft.spec.scheduler import CHANGING
from autopeft.spec.search import Search
from autopeft.sweep.searching import Minutes
from autopeft.tracking.events import (
    Amended,
    AnyEvent,
    Asked,
    Ended,
    Kind,
    Paused,
    Placed,
    Promoted,
    Reported,
    Status,
)
from autopeft.tracking.history import History
from autopeft.tracking.trial_history import TrialHistory

DUPLICATES_IN_A_ROW = 20
REFUSALS_IN_A_ROW = 100


class SweepState:
    """Where searcher, scheduler and history stand.

    Attributes:
        search: What is searched, and for how long.
        searcher: Has been asked and told everything applied so far.
        scheduler: Has heard every report applied so far.
        patience: As well, if the search has any.
        history: Everything applied so far.
        decisions: By search trial, what the scheduler said to its last report; not of one that
            has been promoted since.
        out_of_patience: Search trials that no longer improve.
        strayed: Trials that a replayed searcher would not have proposed.
        search_over: Why no further point is asked for; empty while there may be one.
    """

    def __init__(self, search: Search, *, searcher: Searcher, scheduler: Scheduler) -> None:
        self.search, self.searcher, self.scheduler = search, searcher, scheduler
        self.history = History(search)
        self.patience = Patience(search.patience) if search.patience else None
        self.decisions: dict[str, Decision] = {}
        self.out_of_patience: set[str] = set()
        self.strayed: list[str] = []
        self.search_over = ""
        self._owed: dict[str, list[str]] = {}
        self._streak: list[Status] = []

    def replay(self, events: Sequence[AnyEvent]) -> None:
        """Apply what earlier drivers wrote; the searcher proposes again what it did then.

        Where it proposes something else, it adopts the journal's point: what was evaluated is the
        truth, on whatever machine and with whatever version of a library it was proposed. What was
        asked before the space changed it adopts as well, at its place in the space as it is now.
        """
        since = last_change(events)
        if since is not None:
            before = events.index(since) + 1
            self._take_as_history(events[:before], since.history or {})
            events = events[before:]
        for event in events:
            if isinstance(event, Asked):
                self._ask_again(event)
            self.apply(event)

    @property
    def remark(self) -> str:
        """What is to be said of the replay, if anything."""
        if not self.strayed:
            return ""
        asked, first = len(self.history.of_kind(Kind.TRIAL)), self.strayed[0]
        return (
            f"from {first} on, {len(self.strayed)} of {asked} points are not those that the "
            "searcher would propose here: another processor, or other versions of libraries; the "
            "search goes on from the journal's points and their results"
        )

    def apply(self, event: AnyEvent) -> None:
        """Let history, scheduler and searcher learn of an event, in this order."""
        self.history.apply(event)
        if isinstance(event, Reported):
            self._apply_report(event)
        elif isinstance(event, Paused):
            self._apply_pause(event)
        elif isinstance(event, Promoted):
            self.scheduler.on_promote(event.trial)
            self.decisions.pop(event.trial, None)
        elif isinstance(event, Ended):
            self._apply_end(event)

    def outcome(self, trial: TrialHistory) -> Outcome:
        """What a searcher is told of a trial that ended, or that pauses."""
        values = self.history.values_of(trial.metrics)
        if trial.status is Status.PAUSED and values is not None:
            violations, until = self.history.violations(trial), trial.seconds_until_pause
            return Interim(values, trial.step, violations, until)
        seconds = trial.seconds if trial.status.counts else None
        if trial.has_run_its_course and values is not None:
            return Value(values, self.history.violations(trial), seconds)
        if trial.status is Status.STOPPED and values is not None:
            return Pruned(values, trial.step, self.history.violations(trial), seconds)
        return Failed(trial.reason or "no objective was reported", seconds)

    def twin(self, trial: str, effective: str) -> str | None:
        """Return an earlier search trial that was built the same and counts, or will."""
        for other in self.history.of_kind(Kind.TRIAL):
            same = other.effective == effective and other.id != trial
            if same and (other.status.counts or other.status.is_open):
                return other.id
        return None

    def alike(self, trial: str, other: str) -> bool:
        """Whether two trials were built the same but for what can change within a trial."""
        mine, theirs = (architecture(self.history.trials[each]) for each in (trial, other))
        return mine == theirs

    def is_out_of_time(self, now: float) -> bool:
        """Whether ``search.hours`` are over; time without a driver does not count."""
        hours = self.search.hours
        if hours is None or self.history.started is None:
            return False
        return self.history.active_seconds + now - self.history.last_time > hours * 3600

    def _take_as_history(self, events: Sequence[AnyEvent], places: Mapping[str, Placed]) -> None:
        """Apply events that another searcher lived through; let ours know what came of them."""
        searcher, minutes = self.searcher, Minutes()
        self.searcher = minutes
        for event in events:
            self.apply(event)
        self.searcher, self.search_over, self._streak = searcher, "", []
        for name, placed in places.items():
            number = self.history.trials[name].number
            if placed.cube is not None:
                searcher.adopt(number, placed.cube)
                if number in minutes.told:
                    searcher.tell(number, minutes.told[number])

    def _ask_again(self, event: Asked) -> None:
        match self.searcher.ask():
            case Proposal(event.number, cube) if is_same_point(cube, event.cube):
                return
        self.searcher.adopt(event.number, event.cube)
        self.strayed.append(event.trial)

    def _apply_report(self, event: Reported) -> None:
        if self.history.values_of(event.metrics) is None:  # scored later; nothing to judge by yet
            return
        if self.history.trials[event.trial].kind is Kind.TRIAL:
            losses = self.history.losses(event.metrics)
            self.decisions[event.trial] = self.scheduler.on_report(event.trial, event.step, *losses)
            if self.patience is not None and self.patience.is_over(event.trial, *losses):
                self.out_of_patience.add(event.trial)

    def _apply_pause(self, event: Paused) -> None:
        """Tell the searcher what the trial has come to: it may wait until the search is over."""
        trial = self.history.trials[event.trial]
        if trial.kind is Kind.TRIAL and self.history.values_of(trial.metrics) is not None:
            self._tell(trial, trial)
            for owed in self._owed.get(trial.id, []):
                self._tell(self.history.trials[owed], trial)

    def _apply_end(self, event: Ended) -> None:
        """Tell the searcher; the duplicate of one that is not over hears what that one does."""
        trial = self.history.trials[event.trial]
        if trial.kind is not Kind.TRIAL:
            return
        self.scheduler.on_end(trial.id)
        if self.patience is not None:
            self.patience.on_end(trial.id)
        self._count_streak(event.status)
        twin = self.history.trials.get(event.duplicate_of or "")
        if twin is not None and twin.status.is_open:
            self._owed.setdefault(twin.id, []).append(trial.id)
            if isinstance(self.outcome(twin), Interim):
                self._tell(trial, twin)
            return
        self._tell(trial, twin or trial)
        for owed in self._owed.pop(trial.id, []):
            self._tell(self.history.trials[owed], trial)

    def _tell(self, trial: TrialHistory, source: TrialHistory) -> None:
        outcome = self.outcome(source)
        if source is not trial:  # its time was spent and told once
            outcome = replace(outcome, seconds=None)
        self.searcher.tell(trial.number, outcome)

    def _count_streak(self, status: Status) -> None:
        self._streak = [*self._streak, status] if not status.counts else []
        duplicates = self._streak.count(Status.DUPLICATE)
        if duplicates >= DUPLICATES_IN_A_ROW:
            self.search_over = (
                f"the last {duplicates} configurations were all built before: the space is "
                "exhausted, or the searcher stays in a part of it; widen it, or take another "
                "searcher, to go on"
            )
        if len(self._streak) - duplicates >= REFUSALS_IN_A_ROW:
            self.search_over = (
                f"the last {len(self._streak)} configurations were all refused: "
                "loosen the constraints or the space"
            )


def last_change(events: Sequence[AnyEvent]) -> Amended | None:
    """Return the last amendment from which on another searcher searches, if there is one."""
    changes = (e for e in reversed(events) if isinstance(e, Amended) and e.history is not None)
    return next(changes, None)


def architecture(trial: TrialHistory) -> list[Any]:
    """Return what a checkpoint has to fit: base, adapted modules, and the knobs that stay."""
    details = trial.details
    knobs = [
        {name: value for name, value in knob.items() if name not in CHANGING}
        for knob in details.get("knobs", [])
    ]
    built = [details.get(fact) for fact in ("base", "kind", "modules")]
    return [trial.values.get("method"), *built, knobs]
