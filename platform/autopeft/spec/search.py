"""How the space is searched: searcher, scheduler, budget, objectives, constraints."""

from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from autopeft.spec.record import Record
from autopeft.spec.scheduler import AshaScheduler, Patience, Scheduler
from autopeft.spec.searcher import Searcher, TpeSearcher
from autopeft.spec.warm_start import WarmStart

Direction: TypeAlias = Literal["min", "max"]


class Constraint(Record):
    """A bound on a reported metric, such as ``trainable_parameters: {at_most: 50000}``."""

    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.at_most is None and self.at_least is None:
            raise ValueError("empty; write {at_most: …} or {at_least: …}")
        if self.at_most is not None and self.at_least is not None and self.at_most < self.at_least:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}")
        return self

    def violation(self, value: float) -> float:
        """Return by how much ``value`` breaks the bound; 0 or less where it holds."""
        over = value - self.at_most if self.at_most is not None else float("-inf")
        under = self.at_least - value if self.at_least is not None else float("-inf")
        return max(over, under)


class Search(Record):
    """The budget and the way to spend it; ``trials`` is a total, also over resumes.

    ``scheduler`` compares trials, ``patience`` looks at each by itself.

    ``hours`` ends the search by wall-clock time, ``trial_timeout`` (seconds) a single trial.
    ``retrain`` configurations are trained again with ``retrain_seeds`` fresh seeds each and scored
    once on test; baselines get the same seeds. ``first_points`` are tried before all others: names
    of parameters as ``autopeft plan --json`` shows them, and values; what a point leaves out is the
    searcher's to choose; what ``warm_start`` makes of past runs comes after them. A searcher or
    scheduler without a ``kind`` is of the default's.
    """

    searcher: Searcher = TpeSearcher()
    scheduler: Scheduler = AshaScheduler()
    patience: Patience | None = None
    trials: int = Field(24, ge=1)
    hours: float | None = Field(None, gt=0)
    trial_timeout: float | None = Field(None, gt=0)
    objectives: dict[str, Direction] = Field({"accuracy": "max"}, min_length=1)
    constraints: dict[str, Constraint] = Field(default_factory=dict)
    first_points: tuple[dict[str, Any], ...] = ()
    warm_start: WarmStart | None = None
    baselines: bool = True
    retrain: int = Field(3, ge=0)
    retrain_seeds: int = Field(3, ge=1)
    max_failures: int = Field(3, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _options_without_a_kind_are_of_the_default(cls, data: Any) -> Any:
        """Let ``search.scheduler.grace_steps=20`` change the scheduler that runs without it."""
        if not isinstance(data, dict):
            return data
        defaults = {"searcher": TpeSearcher().kind, "scheduler": AshaScheduler().kind}
        named = {
            key: {"kind": kind, **data[key]}
            for key, kind in defaults.items()
            if isinstance(data.get(key), dict)
        }
        return {**data, **named}
