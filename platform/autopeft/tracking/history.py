"""The journal folded into what happened so far: trials, counts, the best."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import mean, stdev
from typing import assert_never

from autopeft.spec.search import Search
from autopeft.spec.warm_start import Opening
from autopeft.tracking.events import (
    Amended,
    AnyEvent,
    Asked,
    Built,
    DriverFailed,
    Ended,
    Kind,
    Paused,
    Planned,
    Promoted,
    RayStarted,
    Reported,
    Retried,
    Status,
    SweepEnded,
    SweepResumed,
    SweepStarted,
    WarmStarted,
)
from autopeft.tracking.trial_history import TrialHistory


@dataclass(frozen=True, slots=True)
class Group:
    """One configuration over several seeds: a baseline, or a retrained trial.

    Attributes:
        name: What to call it: ``full``, ``zero-shot`` or the retrained trial's id.
        of: The retrained trial's id, if it is one.
        runs: The runs that finished.
    """

    name: str
    of: str | None
    runs: tuple[TrialHistory, ...]

    def mean(self, metric: str) -> float | None:
        """Mean of a metric over the seeds; ``None`` where no run reported it."""
        values = self.values(metric)
        return mean(values) if values else None

    def spread(self, metric: str) -> float | None:
        """Standard deviation over the seeds; ``None`` with fewer than two."""
        values = self.values(metric)
        return stdev(values) if len(values) > 1 else None

    def values(self, metric: str) -> list[float]:
        """The metric of every run that reported it."""
        return [run.metrics[metric] for run in self.runs if metric in run.metrics]


class History:
    """What happened in a sweep, as far as the journal tells."""

    def __init__(self, search: Search, events: Iterable[AnyEvent] = ()) -> None:
        self.search = search
        self.trials: dict[str, TrialHistory] = {}
        self.started: SweepStarted | None = None
        self.opening: Opening | None = None
        self.resumes: list[SweepResumed] = []
        self.amendments: list[Amended] = []
        self.ended: SweepEnded | None = None
        self.failure = ""  # of the last driver
        self.ray: RayStarted | None = None
        self.last_time: float = 0.0
        self.active_seconds: float = 0.0
        for event in events:
            self.apply(event)

    def apply(self, event: AnyEvent) -> None:
        """Take one more event into account."""
        if self.last_time and not isinstance(event, SweepResumed | Amended):
            self.active_seconds += event.time - self.last_time
        before, self.last_time = self.last_time, event.time
        match event:
            case SweepStarted():
                self.started = event
            case WarmStarted():
                self.opening = event.opening
            case SweepResumed():
                for trial in self.running:  # nobody worked at it while there was no driver
                    trial.waited += event.time - before
                self.resumes.append(event)
                self.ended, self.failure = None, ""
            case DriverFailed():
                self.failure = event.reason
            case SweepEnded():
                self.ended = event
            case Amended():
                self.amendments.append(event)
                for name, placed in (event.history or {}).items():
                    trial = self.trials[name]
                    trial.values, trial.cube = dict(placed.values), dict(placed.cube or {})
            case RayStarted():
                self.ray = event
            case Asked() | Planned():
                self.trials[event.trial] = TrialHistory.begun_by(event, order=len(self.trials))
            case Built() | Reported() | Retried() | Paused() | Promoted() | Ended():
                self.trials[event.trial].apply(event)
            case _:
                assert_never(event)

    def of_kind(self, kind: Kind) -> list[TrialHistory]:
        """The trials of one kind, in the order they were proposed."""
        return [trial for trial in self.trials.values() if trial.kind is kind]

    @property
    def counted(self) -> int:
        """How many of ``search.trials`` are done."""
        return sum(trial.status.counts for trial in self.of_kind(Kind.TRIAL))

    @property
    def running(self) -> list[TrialHistory]:
        """Trials that are at work."""
        return [trial for trial in self.trials.values() if trial.status is Status.RUNNING]

    @property
    def paused(self) -> list[TrialHistory]:
        """Trials that wait to be promoted, in the order they were proposed."""
        return [trial for trial in self.trials.values() if trial.status is Status.PAUSED]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.ended is not None

    @property
    def remark(self) -> str:
        """What the last resume found that a user should know; mostly nothing."""
        return self.resumes[-1].remark if self.resumes else ""

    def values_of(self, metrics: Mapping[str, float]) -> tuple[float, ...] | None:
        """The objectives' values among ``metrics``, in the file's order; ``None`` if one lacks."""
        names = self.search.objectives
        return tuple(metrics[n] for n in names) if all(n in metrics for n in names) else None

    def loss(self, metrics: Mapping[str, float]) -> float:
        """The first objective as a number to minimise; infinite where it lacks.

        With several objectives the first decides what is called best; all are on the front.
        """
        return self.losses(metrics)[0]

    def losses(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """Every objective as a number to minimise; infinite where it lacks or is no number."""
        return tuple(
            _loss(metrics.get(name), direction)
            for name, direction in self.search.objectives.items()
        )

    def violations(self, trial: TrialHistory) -> tuple[float, ...]:
        """Return by how much each constraint is broken; 0 where its metric was not reported."""
        known = dict(trial.metrics)
        if trial.trainable_parameters is not None:
            known["trainable_parameters"] = trial.trainable_parameters
        return tuple(
            bound.violation(known[metric]) if metric in known else 0.0
            for metric, bound in self.search.constraints.items()
        )

    def is_feasible(self, trial: TrialHistory) -> bool:
        """Whether the trial keeps every constraint whose metric it reported."""
        return all(violation <= 0 for violation in self.violations(trial))

    def ranked(self) -> list[TrialHistory]:
        """Search trials that ran their course and keep the constraints, best first.

        Early stopping culls, it does not crown: trials that a scheduler stopped are not ranked.
        """
        whole = [
            trial
            for trial in self.of_kind(Kind.TRIAL)
            if trial.has_run_its_course
            and self.is_feasible(trial)
            and self.loss(trial.metrics) < float("inf")
        ]
        return sorted(whole, key=lambda trial: (self.loss(trial.metrics), trial.number))

    @property
    def best(self) -> TrialHistory | None:
        """The best search trial on validation, so far."""
        return next(iter(self.ranked()), None)

    def groups(self, kind: Kind) -> list[Group]:
        """Baselines or retrainings, gathered over their seeds, in order of appearance."""
        names: dict[tuple[str, str | None], list[TrialHistory]] = {}
        for trial in self.of_kind(kind):
            done = names.setdefault((trial.of or trial.name, trial.of), [])
            if trial.status is Status.FINISHED:
                done.append(trial)
        return [Group(name, of, tuple(runs)) for (name, of), runs in names.items()]

    @property
    def winner(self) -> Group | None:
        """The retrained configuration that is best on validation, in the mean over its seeds."""
        objective = next(iter(self.search.objectives))
        scored = [
            (self.loss({objective: value}), position, group)
            for position, group in enumerate(self.groups(Kind.RETRAIN))
            if (value := group.mean(objective)) is not None
        ]
        return min(scored)[2] if scored else None

    def failures(self) -> dict[str, int]:
        """How many trials failed or were refused, by reason (the words before the first colon)."""
        counts: dict[str, int] = {}
        for trial in self._unhappy():
            reason = trial.reason.partition(":")[0] or trial.status.value
            counts[reason] = counts.get(reason, 0) + 1
        return counts

    def _unhappy(self) -> Iterator[TrialHistory]:
        for trial in self.trials.values():
            if trial.status in (Status.FAILED, Status.REFUSED, Status.DUPLICATE):
                yield trial


def _loss(value: float | None, direction: str) -> float:
    if value is None or value != value:
        return float("inf")
    return -value if direction == "max" else value
