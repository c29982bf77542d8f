"""A trial as it is handed to a worker: which one, the how manyth attempt, with what settings."""

from dataclasses import dataclass

from autopeft.spec.trial import AnyTrial
from autopeft.tracking.events import Kind


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial for a worker: ``attempt`` counts from 1, ``score_test`` for what is not searched."""

    trial: str
    kind: Kind
    spec: AnyTrial
    attempt: int

    @property
    def score_test(self) -> bool:
        """Whether the final report scores test: never during the search."""
        return self.kind is not Kind.TRIAL
