"""The best parameters of a program or a function, as files that other programs read."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autopeft.core.choices import known_words
from autopeft.core.errors import InputError, RunFolderError
from autopeft.core.places import write_json
from autopeft.export.new_folder import new_folder
from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import ObjectiveSpec
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import RunFolder
from autopeft.tracking.trial_history import TrialHistory

PARAMETERS, MANIFEST = "parameters.json", "autopeft.json"


@dataclass(frozen=True, slots=True)
class ExportedParameters:
    """What was written.

    Attributes:
        folder: Where.
        trial: The trial whose parameters they are.
        parameters: All of them, searched or not.
        scores: Its objectives.
    """

    folder: Path
    trial: str
    parameters: dict[str, Any]
    scores: dict[str, float]

    @property
    def summary(self) -> str:
        """One line on what the folder is."""
        scores = ", ".join(f"{name} {value:.6g}" for name, value in self.scores.items())
        return f"the parameters of {self.trial} ({scores}) in {PARAMETERS}"

    @property
    def hint(self) -> str:
        """Nothing: what reads them is the user's."""
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "folder": str(self.folder),
            "trial": self.trial,
            "parameters": self.parameters,
            "scores": self.scores,
        }


def export_parameters(run: RunFolder, trial: str | None, out: str | Path) -> ExportedParameters:
    """Write the parameters of a trial, or of the winner, else the best, to the new folder ``out``.

    ``parameters.json`` holds them and nothing else, ``autopeft.json`` where they come from.

    Raises:
        InputError: There is no such trial, or ``out`` is taken.
        RunFolderError: No trial has run to its end, or ``out`` cannot be written.
    """
    sweep, history, out = run.sweep(), run.history(), Path(out)
    chosen = _chosen(run, history, trial)
    spec = sweep.trial(chosen.values, seed=chosen.seed)
    assert isinstance(spec, ObjectiveSpec)
    scores = {
        name: chosen.metrics[name] for name in history.search.objectives if name in chosen.metrics
    }
    with new_folder(out) as draft:
        write_json(draft / PARAMETERS, spec.task.parameters)
        write_json(draft / MANIFEST, _manifest(run, sweep, chosen, spec))
    return ExportedParameters(out.resolve(), chosen.id, dict(spec.task.parameters), scores)


def _chosen(run: RunFolder, history: History, trial: str | None) -> TrialHistory:
    if trial is not None:
        if trial not in history.trials:
            raise InputError(f"no trial named {trial!r}{known_words(trial, list(history.trials))}")
        return history.trials[trial]
    winner = history.winner
    if winner is not None and winner.of is not None:
        return history.trials[winner.of]
    if history.best is None:
        raise RunFolderError(
            f"{run.path}: none of {history.counted} trials ran to its end; {run.report.name} says "
            "why they failed"
        )
    return history.best


def _manifest(
    run: RunFolder, sweep: Sweep, trial: TrialHistory, spec: ObjectiveSpec
) -> dict[str, Any]:
    """Return where the parameters come from and how good they were."""
    return {
        "autopeft": version("autopeft"),
        "run": run.path.name,
        "trial": trial.id,
        "task": spec.task.model_dump(mode="json"),
        "seed": spec.seed,
        "objectives": dict(sweep.settings.search.objectives),
        "metrics": dict(trial.metrics),
    }
