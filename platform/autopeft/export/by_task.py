"""What is exported, by what the sweep's task leaves behind."""

from pathlib import Path
from typing import Any, Protocol

from autopeft.core.errors import InputError
from autopeft.export.parameters import export_parameters
from autopeft.tracking.run_folder import run_and_trial


class Exported(Protocol):
    """What was written, and what it is."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        ...

    @property
    def summary(self) -> str:
        """One line on what the folder is."""
        ...

    @property
    def hint(self) -> str:
        """The command to try next, ``{}`` for the folder; empty where there is none."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        ...


def export(source: str | Path, out: str | Path, *, merged: bool = False) -> Exported:
    """Write the winner of a run, or ``RUN/trials/ID`` of it, to the new folder ``out``.

    Args:
        source: A run folder, or the folder of a trial in one.
        out: Must not exist yet, or be empty.
        merged: Fold an adapter into the base's weights.

    Raises:
        InputError: ``out`` is taken, or there is nothing that could be merged.
        RunFolderError: There is no winner yet, or ``out`` cannot be written.
    """
    run, trial = run_and_trial(source)
    task = run.sweep().task
    if task.has_adapters:
        from autopeft.export.folder import export_adapter  # loads torch

        return export_adapter(source, out, merged=merged)
    if merged:
        raise InputError(f"--merged: a {task.kind} sweep has no adapter that could be merged")
    return export_parameters(run, trial, out)
