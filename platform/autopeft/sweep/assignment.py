"""A trial as it is handed to a worker: which one, the how manyth attempt, with what settings."""

from dataclasses import dataclass

from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import AnyTrial
from autopeft.sweep.extras import baseline_spec
from autopeft.tracking.events import Kind
from autopeft.tracking.history import TrialHistory

OUT_OF_MEMORY = "out of memory"


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


def spec_of(sweep: Sweep, trial: TrialHistory) -> AnyTrial:
    """Return what a trial is to run now: with half the batch for every time memory ran out."""
    if trial.kind is Kind.BASELINE:
        spec: AnyTrial = baseline_spec(sweep, trial.name, seed=trial.seed or 0)
    else:
        spec = sweep.trial(trial.values, seed=trial.seed)
    halvings = sum(reason.startswith(OUT_OF_MEMORY) for reason in trial.retries)
    return (spec.with_less_memory(halvings) or spec) if halvings else spec
