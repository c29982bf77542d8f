"""What MLflow holds of one run, in its words: rows, statuses, keys it accepts. Pure."""

import re
from dataclasses import dataclass, field
from typing import Any

from autopeft.tracking.events import Status
from autopeft.tracking.trial_history import TrialHistory

PARENT = ""  # the key of the parent run; a child's key is its trial
SOURCES = "warm_start.sources"  # a parent's tag: the sweeps it learnt from
RUN_STATUS = {
    Status.RUNNING: "RUNNING",
    Status.PAUSED: "SCHEDULED",
    Status.FINISHED: "FINISHED",
    Status.STOPPED: "FINISHED",  # early stopping is a normal end; the tag `status` tells it apart
    Status.FAILED: "FAILED",
    Status.REFUSED: "KILLED",
    Status.DUPLICATE: "KILLED",
}
LONGEST_TAG = 5000  # MLflow refuses 8,001 characters
LONGEST_PARAM = 6000


@dataclass(frozen=True, slots=True)
class Row:
    """One metric at one step; written twice, it is still one row in MLflow."""

    key: str
    value: float
    time_ms: int
    step: int


@dataclass(slots=True)
class RunRows:
    """What one MLflow run still lacks.

    Attributes:
        name: The run's name, should it have to be created.
        start_ms: When it began, should it have to be created.
        status: MLflow's run status, if it changes.
        end_ms: When it ended, if it did.
    """

    name: str
    start_ms: int
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[Row] = field(default_factory=list)
    status: str | None = None
    end_ms: int | None = None


def run_name(trial: TrialHistory) -> str:
    """Return what a child run is called in MLflow."""
    return trial.id if trial.name in ("", trial.id) else f"{trial.id} {trial.name}"


def metric_key(name: str) -> str:
    """Return ``name`` as MLflow accepts it for a metric or param.

    Example:
        >>> metric_key("recall@1"), metric_key("system/memory_rss_mb")
        ('recall_1', 'system/memory_rss_mb')
    """
    return re.sub(r"[^\w.\- /:]", "_", name)[:250]


def param(value: Any) -> str:
    """Return a searched value as MLflow keeps it."""
    return str(value)[:LONGEST_PARAM]


def text(value: str) -> str:
    """Return ``value`` as long as a tag may be."""
    return value[:LONGEST_TAG]


def ms(seconds: float) -> int:
    """Return a time as MLflow keeps it."""
    return round(seconds * 1000)
