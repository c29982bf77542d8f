"""What a trial of a journal runs: a search's, a baseline's, a retraining's."""

from autopeft.spec.baselines import baseline_spec
from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import AnyTrial
from autopeft.tracking.events import Kind
from autopeft.tracking.trial_history import TrialHistory

OUT_OF_MEMORY = "out of memory"


def spec_of(sweep: Sweep, trial: TrialHistory) -> AnyTrial:
    """Return what a trial is to run now: with half the batch for every time memory ran out."""
    if trial.kind is Kind.BASELINE:
        spec: AnyTrial = baseline_spec(sweep, trial.name, seed=trial.seed or 0)
    else:
        spec = sweep.trial(trial.values, seed=trial.seed)
    halvings = sum(reason.startswith(OUT_OF_MEMORY) for reason in trial.retries)
    return (spec.with_less_memory(halvings) or spec) if halvings else spec
