"""Which adapters a run kept, and which configuration each of them is."""

from dataclasses import dataclass
from pathlib import Path

from autopeft.core.errors import InputError, RunFolderError
from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import TrialSpec
from autopeft.tracking.configuration import spec_of
from autopeft.tracking.history import Group, History
from autopeft.tracking.run_folder import RunFolder, run_and_trial
from autopeft.tracking.trial_history import TrialHistory


@dataclass(frozen=True, slots=True)
class KeptAdapter:
    """An adapter in a run folder.

    Attributes:
        folder: What ``Adapted.save`` wrote.
        run: Where it lies.
        history: What happened in the run.
        trial: The retraining or baseline that learnt it.
        group: The same configuration with every seed.
        spec: The configuration.
    """

    folder: Path
    run: RunFolder
    history: History
    trial: TrialHistory
    group: Group
    spec: TrialSpec


def kept_adapter(source: str | Path) -> KeptAdapter:
    """Return the winner's adapter of a run folder, or that of ``RUN/trials/ID``.

    Raises:
        RunFolderError: There is no such run, or it has no winner yet.
        InputError: The trial has no adapter; the message names those that have.
    """
    run, trial = run_and_trial(source)
    kind = run.sweep().task
    if not kind.has_adapters:
        raise InputError(
            f"{run.path}: a {kind.kind} sweep trains no adapter; `autopeft export` writes its best "
            "parameters"
        )
    if trial is not None:
        return _of_trial(run, trial)
    history = run.history()
    winner = history.winner
    if winner is None or not run.best.is_dir():
        raise RunFolderError(f"{run.path}: no winner, since {_why_no_winner(run, history)}")
    best = min(winner.runs, key=lambda trial: (history.loss(trial.metrics), trial.number))
    return KeptAdapter(run.best, run, history, best, winner, _spec(run.sweep(), best))


def _why_no_winner(run: RunFolder, history: History) -> str:
    """Return why, and what would bring one."""
    if history.is_over and history.best is None:
        return (
            f"none of {history.counted} trials ran to its end; {run.report.name} says why they "
            "failed"
        )
    if history.is_over and history.search.retrain == 0:
        return (
            "search.retrain is 0 and searched trials keep no adapter; "
            f"`autopeft resume {run.path} search.retrain=1` trains the best again"
        )
    why = "no configuration was trained again" if history.is_over else "it has not ended"
    return f"{why}; `autopeft resume {run.path}` goes on"


def _of_trial(run: RunFolder, name: str) -> KeptAdapter:
    history = run.history()
    folder = run.trial(name) / "adapter"
    if name not in history.trials or not folder.is_dir():
        known = sorted(path.parent.name for path in run.path.glob("trials/*/adapter"))
        raise InputError(
            f"{run.path}: {name} has no adapter; only baselines and the retrained best keep one: "
            f"{', '.join(known) or 'none yet'}"
        )
    trial = history.trials[name]
    group = next(
        (group for group in history.groups(trial.kind) if trial in group.runs),
        Group(trial.name, trial.of, (trial,)),
    )
    return KeptAdapter(folder, run, history, trial, group, _spec(run.sweep(), trial))


def _spec(sweep: Sweep, trial: TrialHistory) -> TrialSpec:
    spec = spec_of(sweep, trial)
    assert isinstance(spec, TrialSpec)  # nothing else keeps an adapter
    return spec
