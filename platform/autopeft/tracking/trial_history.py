"""What the journal tells of one trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from autopeft.tracking.events import (
    Asked,
    Built,
    Ended,
    Kind,
    Paused,
    Planned,
    Promoted,
    Reported,
    Retried,
    Status,
)

PATIENCE = "patience"  # how the reason of a trial begins that had stopped improving


@dataclass(frozen=True, slots=True)
class Point:
    """One report of a trial: metrics at a step, and when it was journalled."""

    step: int
    metrics: Mapping[str, float]
    time: float


@dataclass(frozen=True, slots=True)
class Exploit:
    """From ``step`` on a trial went on as a copy of ``source``, with these ``values`` explored."""

    step: int
    source: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class TrialHistory:
    """Everything known of one trial; grows while it runs.

    Attributes:
        id: The trial's own identity, kept over resumes.
        kind: Search trial, baseline or retraining.
        name: What to call it in a table.
        number: Which ask of the searcher it answers (search trials), else its order.
        cube: Its point in the unit cube (search trials).
        values: Its searched values, by dotted path; after an exploit the explored ones.
        seed: Training seed, if it is not the sweep's.
        of: For a retraining, the trial it repeats.
        reports: What was reported, by step.
        asked: When it was proposed (seconds since 1970).
        ended: When it ended, if it did.
        effective: Fingerprint of what was built.
        trainable_parameters: Count, once built.
        details: What building found: modules, ranks, roles.
        paused: Since when it waits, if it does.
        waited: For how many seconds it was paused, or running without a driver.
        exploits: When it became a copy of another trial.
        is_complete: Whether the last report was the final one.
    """

    id: str
    kind: Kind
    name: str
    number: int
    asked: float
    values: dict[str, Any]
    cube: dict[str, float] = field(default_factory=dict)
    seed: int | None = None
    of: str | None = None
    status: Status = Status.RUNNING
    reports: list[Point] = field(default_factory=list)
    built: float | None = None
    ended: float | None = None
    effective: str | None = None
    trainable_parameters: int | None = None
    details: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    log: str = ""
    duplicate_of: str | None = None
    retries: list[str] = field(default_factory=list)
    paused: float | None = None
    waited: float = 0.0
    exploits: list[Exploit] = field(default_factory=list)
    is_complete: bool = False

    @property
    def step(self) -> int:
        """The last step reported; 0 before the first report."""
        return self.reports[-1].step if self.reports else 0

    @property
    def metrics(self) -> Mapping[str, float]:
        """All metrics of the last report."""
        return self.reports[-1].metrics if self.reports else {}

    @property
    def has_run_its_course(self) -> bool:
        """Whether its last value stands: it ran all its steps, or had stopped improving."""
        ran_out = self.status is Status.STOPPED and self.reason.startswith(PATIENCE)
        return self.status is Status.FINISHED or ran_out

    @property
    def seconds(self) -> float | None:
        """Time from proposal to end, without pauses and without a driver; ``None`` before."""
        return None if self.ended is None else self.ended - self.asked - self.waited

    @property
    def seconds_until_pause(self) -> float | None:
        """As ``seconds``, of a trial that is paused, up to the pause; ``None`` for any other."""
        return None if self.paused is None else self.paused - self.asked - self.waited

    @classmethod
    def begun_by(cls, event: Asked | Planned, *, order: int) -> "TrialHistory":
        """Return the history of a trial that the searcher or the sweep has just thought of."""
        if isinstance(event, Asked):
            return cls(
                event.trial, Kind.TRIAL, event.trial, event.number, event.time,
                dict(event.values), dict(event.cube),
            )  # fmt: skip
        return cls(
            event.trial, event.kind, event.name, order, event.time,
            dict(event.values), seed=event.seed, of=event.of,
        )  # fmt: skip

    def apply(self, event: Built | Reported | Retried | Paused | Promoted | Ended) -> None:
        """Take one more event of this trial into account."""
        match event:
            case Built():
                self.built = self.built or event.time
                self.effective = event.effective
                self.trainable_parameters = event.trainable_parameters
                self.details = dict(event.details)
            case Reported():
                if not self.reports or event.step > self.step:
                    self.reports.append(Point(event.step, event.metrics, event.time))
                    self.is_complete = event.final
            case Retried():
                self.retries.append(event.reason)
            case Paused():
                self.status, self.paused = Status.PAUSED, event.time
            case Promoted():
                self._wait_no_more(event.time)
                self.status = Status.RUNNING
                if event.source is not None:
                    self.exploits.append(Exploit(self.step, event.source, event.values))
                    self.values = {**self.values, **event.values}
            case Ended():
                self._wait_no_more(event.time)
                self.status, self.reason, self.log = event.status, event.reason, event.log
                self.ended, self.duplicate_of = event.time, event.duplicate_of
            case _:
                assert_never(event)

    def _wait_no_more(self, time: float) -> None:
        """Add the pause that ends now, if there is one."""
        if self.paused is not None:
            self.waited, self.paused = self.waited + time - self.paused, None
