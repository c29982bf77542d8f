"""The journal's lines: one frozen record per event, told apart by ``event``."""

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter

from autopeft.spec.record import Record
from autopeft.spec.warm_start import Opening


class Kind(StrEnum):
    """Why a trial runs: to search, to compare with, or to confirm a winner."""

    TRIAL = "trial"
    BASELINE = "baseline"
    RETRAIN = "retrain"


class Status(StrEnum):
    """How a trial stands. ``refused`` and ``duplicate`` do not count as trials."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    REFUSED = "refused"
    DUPLICATE = "duplicate"

    @property
    def counts(self) -> bool:
        """Whether a trial that ended so is one of ``search.trials``."""
        return self in (Status.FINISHED, Status.STOPPED, Status.FAILED)

    @property
    def is_open(self) -> bool:
        """Whether the trial is not over."""
        return self in (Status.RUNNING, Status.PAUSED)


class Event(Record):
    """What every line holds: the time it was written (seconds since 1970, UTC)."""

    # A diverged trial's metrics are NaN, and are to be NaN again when they are read.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    time: float


class SweepStarted(Event):
    """A new sweep: who runs it, with which versions, where."""

    event: Literal["sweep_started"] = "sweep_started"
    sweep: str
    name: str
    seed: int
    versions: dict[str, str]
    git_commit: str | None = None
    host: str = ""


class WarmStarted(Event):
    """What the search begins with that past runs taught; they are not needed again."""

    event: Literal["warm_started"] = "warm_started"
    opening: Opening


class SweepResumed(Event):
    """A driver took over; ``unfinished`` trials go on from their checkpoints.

    ``remark`` says what its replay of the journal found that a user should know.
    """

    event: Literal["sweep_resumed"] = "sweep_resumed"
    unfinished: tuple[str, ...] = ()
    trials: int
    versions: dict[str, str] = Field(default_factory=dict)
    remark: str = ""


class Placed(Record):
    """Where an earlier trial lies in a space that has changed since.

    ``values`` are what it was built from, in the names of the new space; ``cube`` is its point
    there, ``None`` if it lies outside.
    """

    values: dict[str, Any]
    cube: dict[str, float] | None


class Amended(Event):
    """The search file was changed before a resume; ``changes`` names what, old and new.

    With a ``history`` the searcher begins anew from there: it knows every earlier search trial, by
    its name, at its point in the space as it is now. ``opening`` is what the sweep's warm start
    comes to there, unless a trial has shown it wrong.
    """

    event: Literal["amended"] = "amended"
    changes: tuple[str, ...]
    history: dict[str, Placed] | None = None
    opening: Opening | None = None


class RayStarted(Event):
    """Machines are there: so many trials at a time.

    ``dashboard`` is ``127.0.0.1:port`` on ``host``, or empty.
    """

    event: Literal["ray_started"] = "ray_started"
    slots: int
    dashboard: str = ""
    host: str = ""


class Asked(Event):
    """The searcher proposed a point."""

    event: Literal["asked"] = "asked"
    trial: str
    number: int
    cube: dict[str, float]
    values: dict[str, Any]


class Planned(Event):
    """A run that the searcher does not see: a baseline, or a retraining of trial ``of``."""

    event: Literal["planned"] = "planned"
    trial: str
    kind: Kind
    name: str
    seed: int
    of: str | None = None
    values: dict[str, Any] = Field(default_factory=dict)


class Built(Event):
    """A worker built the configuration: what it came to, as ``effective`` fingerprint."""

    event: Literal["built"] = "built"
    trial: str
    effective: str
    trainable_parameters: int | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class Reported(Event):
    """Metrics at a step, which its worker has checkpointed; ``final`` if no step is left."""

    event: Literal["reported"] = "reported"
    trial: str
    step: int
    metrics: dict[str, float]
    final: bool = False


class Retried(Event):
    """A trial is started again: its worker was lost, or it ran out of memory."""

    event: Literal["retried"] = "retried"
    trial: str
    reason: str


class Paused(Event):
    """A trial gave up its slot after a report; its checkpoint waits for a promotion, or the end."""

    event: Literal["paused"] = "paused"
    trial: str
    step: int


class Promoted(Event):
    """A paused trial goes on from its checkpoint.

    With a ``source`` from a copy of that trial's, and with ``values`` explored from the source's
    in the place of its own.
    """

    event: Literal["promoted"] = "promoted"
    trial: str
    source: str | None = None
    values: dict[str, Any] = Field(default_factory=dict)


class Ended(Event):
    """A trial is over. ``reason`` names a failure or refusal, ``log`` its last lines."""

    event: Literal["ended"] = "ended"
    trial: str
    status: Status
    reason: str = ""
    log: str = ""
    duplicate_of: str | None = None


class DriverFailed(Event):
    """The driver gave up with something left to do; ``reason`` says what a user can mend."""

    event: Literal["driver_failed"] = "driver_failed"
    reason: str


class SweepEnded(Event):
    """Nothing is left to do; ``reason`` says why the search stopped."""

    event: Literal["sweep_ended"] = "sweep_ended"
    reason: str


AnyEvent: TypeAlias = Annotated[
    SweepStarted
    | WarmStarted
    | SweepResumed
    | Amended
    | RayStarted
    | Asked
    | Planned
    | Built
    | Reported
    | Retried
    | Paused
    | Promoted
    | Ended
    | DriverFailed
    | SweepEnded,
    Field(discriminator="event"),
]
# NaN is written as NaN: as null, pydantic's default, a metric could not be read back.
EVENTS: TypeAdapter[AnyEvent] = TypeAdapter(
    AnyEvent, config=ConfigDict(ser_json_inf_nan="constants")
)
