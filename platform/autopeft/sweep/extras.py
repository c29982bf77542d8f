"""Runs the searcher never sees: baselines to compare with, retrainings to trust a winner."""

from autopeft.core.seeds import derive_seed
from autopeft.spec.baselines import BASELINES
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import Kind, Planned
from autopeft.tracking.history import History


def fresh_seeds(sweep: Sweep) -> list[int]:
    """Return the seeds of retrainings and baselines; none is the search's own."""
    settings = sweep.settings
    return [
        derive_seed(settings.seed, "retrain", index)
        for index in range(settings.search.retrain_seeds)
    ]


def baseline_runs(sweep: Sweep) -> list[Planned]:
    """Return every baseline with every seed; zero-shot once, since it has no randomness."""
    if not sweep.settings.search.baselines:
        return []
    seeds = fresh_seeds(sweep)
    pairs = [
        (name, seed) for name in BASELINES for seed in (seeds if name != "zero-shot" else seeds[:1])
    ]
    return [
        Planned(time=0, trial=f"b{index:04d}", kind=Kind.BASELINE, name=name, seed=seed)
        for index, (name, seed) in enumerate(pairs)
    ]


def retrain_runs(sweep: Sweep, history: History) -> list[Planned]:
    """Return what is still to be retrained: the best configurations with every fresh seed.

    A sweep that was extended may have other winners than before; what ran already is not
    repeated.
    """
    done = {(trial.of, trial.seed) for trial in history.of_kind(Kind.RETRAIN)}
    return [
        Planned(
            time=0,
            trial=f"r{len(done):04d}",
            kind=Kind.RETRAIN,
            name=f"{trial.id} again, seed {index + 1}",
            seed=seed,
            of=trial.id,
            values=trial.values,
        )
        for trial in history.ranked()[: sweep.settings.search.retrain]
        for index, seed in enumerate(fresh_seeds(sweep))
        if (trial.id, seed) not in done
    ]
