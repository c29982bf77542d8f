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


Scheduler: TypeAlias = Annotated[NoScheduler | AshaScheduler, Field(discriminator="kind")]
