"""A new budget for an old run: what ``autopeft resume RUN search.trials=48`` may change."""

from collections.abc import Sequence
from typing import Any

import yaml

from autopeft.core.errors import InputError, Problem, RunFolderError
from autopeft.core.places import write_text
from autopeft.spec.load import COMMAND_LINE, load_sweep
from autopeft.sweep.machine import what_does_not_fit
from autopeft.tracking.run_folder import RunFolder

# All else decides what the searcher proposed, or what a trial's numbers mean.
CHANGEABLE = (
    "search.trials",
    "search.retrain",
    "search.hours",
    "search.trial_timeout",
    "search.max_failures",
    "resources",
    "tracking",
)


def amend(run: RunFolder, overrides: Sequence[str]) -> None:
    """Write the run's search file anew with these overrides; without any, leave it.

    Raises:
        InputError: An override is wrong, or would make earlier trials mean something else.
        RunFolderError: The file cannot be written.
    """
    if not overrides:
        return
    problems = [
        Problem(
            COMMAND_LINE,
            path,
            f"cannot change in a sweep that has begun; only {', '.join(CHANGEABLE)} can: "
            "start a new run",
        )
        for path in (override.partition("=")[0] for override in overrides)
        if not _may_change(path)
    ]
    if problems:
        raise InputError(problems)
    sweep = load_sweep(run.spec_file, overrides)
    too_large = list(what_does_not_fit(sweep))
    if too_large:
        raise InputError(too_large)
    raw: dict[str, Any] = sweep.raw
    try:
        write_text(run.spec_file, yaml.safe_dump(raw, sort_keys=False, allow_unicode=True))
    except OSError as error:
        raise RunFolderError(f"{run.spec_file}: cannot be written: {error.strerror}") from error


def _may_change(path: str) -> bool:
    return any(path == allowed or path.startswith(f"{allowed}.") for allowed in CHANGEABLE)
