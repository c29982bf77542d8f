"""Which running trial is stopped, in the user's words; deeds are in ``schedulers/``."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from autopeft.spec.record import Record


class NoScheduler(Record):
    """Every trial runs all its steps."""

    kind: Literal["none"] = "none"


class AshaScheduler(Record):
    """Asynchronous successive halving (Li et al., arXiv 1810.05934), one bracket, stopping.

    At ``grace_steps * reduction**k`` steps a trial stops unless it is in the top 1/``reduction``
    of those that came there before it.
    """

    kind: Literal["asha"] = "asha"
    grace_steps: int = Field(10, ge=1)
    reduction: float = Field(3, gt=1)


class MedianScheduler(Record):
    """Median rule (Golovin et al., "Google Vizier", 2017).

    From ``grace_steps`` on a trial stops if its best so far is worse than the median of the running
    means of the others, of which at least ``min_trials`` must have come as far.
    """

    kind: Literal["median"] = "median"
    grace_steps: int = Field(10, ge=1)
    min_trials: int = Field(3, ge=1)


Scheduler: TypeAlias = Annotated[
    NoScheduler | AshaScheduler | MedianScheduler, Field(discriminator="kind")
]
