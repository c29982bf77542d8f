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


Scheduler: TypeAlias = Annotated[
    NoScheduler | AshaScheduler | HyperbandScheduler | MedianScheduler,
    Field(discriminator="kind"),
]


class Patience(Record):
    """A trial stops when no objective has improved by ``min_delta`` for so many ``reports``.

    It has run its course: unlike one that a scheduler stops, it may win.
    """

    reports: int = Field(3, ge=1)
    min_delta: float = Field(0.0, ge=0)
