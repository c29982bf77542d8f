"""Which running trial is stopped, in the user's words; deeds are in ``schedulers/``."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from autopeft.spec.record import Record


class NoScheduler(Record):
    """Every trial runs all its steps."""

    kind: Literal["none"] = "none"


class AshaScheduler(Record):
    """Asynchronous successive halving (Li et al., arXiv 1810.05934), one bracket.

    At ``grace_steps * reduction**k`` steps a trial goes on only in the top 1/``reduction``.
    ``mode: stop`` compares it with those that came there before it and stops it for good;
    ``mode: promote`` pauses it, and continues the best from their checkpoints.
    """

    kind: Literal["asha"] = "asha"
    grace_steps: int = Field(10, ge=1)
    reduction: float = Field(3, gt=1)
    mode: Literal["stop", "promote"] = "stop"


class HyperbandScheduler(Record):
    """Hyperband (Li et al., 2018): several brackets of asynchronous successive halving.

    The first bracket judges at ``grace_steps``, every further one a rung later; as many as there
    are rungs, unless ``brackets`` says fewer. ``mode`` as for ``asha``.
    """

    kind: Literal["hyperband"] = "hyperband"
    grace_steps: int = Field(10, ge=1)
    reduction: float = Field(3, gt=1)
    brackets: int | None = Field(None, ge=1)
    mode: Literal["stop", "promote"] = "stop"


class MedianScheduler(Record):
    """Median rule (Golovin et al., "Google Vizier", 2017).

    From ``grace_steps`` on a trial stops if its best so far is worse than the median of the running
    means of the others, of which at least ``min_trials`` must have come as far.
    """

    kind: Literal["median"] = "median"
    grace_steps: int = Field(10, ge=1)
    min_trials: int = Field(3, ge=1)


# What may change in the middle of a trial, by the last word of its path; never the architecture.
CHANGING = ("learning_rate", "weight_decay", "clip_norm", "dropout")


class PbtScheduler(Record):
    """Population based training (Jaderberg et al., 2017), in synchronous rounds.

    Every ``interval_steps`` the worst ``quantile`` of a population go on from copies of the best
    ones' checkpoints, with learning rate, weight decay, clip norm and dropout drawn anew with
    probability ``resample``, else moved by a fifth. Only a trial that was built the same is copied.
    """

    kind: Literal["pbt"] = "pbt"
    population: int = Field(8, ge=2)
    interval_steps: int = Field(10, ge=1)
    quantile: float = Field(0.25, gt=0, le=0.5)
    resample: float = Field(0.25, ge=0, le=1)


Scheduler: TypeAlias = Annotated[
    NoScheduler | AshaScheduler | HyperbandScheduler | MedianScheduler | PbtScheduler,
    Field(discriminator="kind"),
]


class Patience(Record):
    """A trial stops when no objective has improved by ``min_delta`` for so many ``reports``.

    It has run its course: unlike one that a scheduler stops, it may win.
    """

    reports: int = Field(3, ge=1)
    min_delta: float = Field(0.0, ge=0)
