"""The Python API: what the command line does, as functions."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autopeft.clusters.local import run_driver
from autopeft.clusters.queued import (
    as_written,
    end_in_words,
    exit_code_of,
    follow,
    is_queued,
    living_job,
    submit_sweep,
)
from autopeft.clusters.submission import Refused
from autopeft.core.errors import AutopeftError, InputError
from autopeft.spec.sweep import Sweep
from autopeft.sweep.amend import amend
from autopeft.sweep.permission import record_permission, refused_code, require_permission
from autopeft.sweep.preflight import load_checked
from autopeft.tracking.run_folder import RunFolder, create_run, open_run
from autopeft.tracking.tail import Tail


def run(
    spec: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    runs: str | Path = "runs",
    allow_code: bool = False,
) -> RunFolder:
    """Run the sweep that a YAML file, or the same as a dict, describes; return its run folder.

    On a cluster the job is submitted, and its end is waited for. Who does not wait that long, by
    Ctrl-C, leaves the job alone: ``resume`` waits again.

    Args:
        spec: A search file or its content.
        overrides: ``path=value`` pairs, such as ``search.trials=48``.
        runs: Where run folders go.
        allow_code: Whether a function may be called that no installed package offers.

    Raises:
        InputError: Holds every problem of the spec at once.
        AutopeftError: The sweep did not reach its end; ``resume`` continues it.

    Example:
        >>> run("search.yaml", ["search.trials=48"]).trials()  # doctest: +SKIP
    """
    sweep, remarks = load_checked(spec, overrides)
    for remark in remarks:
        warnings.warn(str(remark), stacklevel=2)
    return _drive(start_run(sweep, Path(runs), allow_code=allow_code))


def start_run(sweep: Sweep, runs: Path, *, allow_code: bool) -> RunFolder:
    """Make the run folder of a new sweep, with the user's permission for the code it names.

    Raises:
        InputError: It names code, and that is not allowed.
    """
    problems = refused_code(sweep, allowed=allow_code)
    if problems:
        raise InputError(problems)
    run_folder = create_run(sweep, runs)
    record_permission(run_folder, sweep)
    return run_folder


def reopen_run(folder: str | Path, *, allow_code: bool) -> RunFolder:
    """Open a run folder whose code, if it names any, is allowed, now or when it began.

    Raises:
        InputError: It names code, and that is not allowed.
    """
    run_folder = open_run(folder)
    sweep = run_folder.sweep()
    if allow_code:
        record_permission(run_folder, sweep)
    require_permission(run_folder, sweep)
    return run_folder


def resume(
    folder: str | Path, overrides: Sequence[str] = (), *, allow_code: bool = False
) -> RunFolder:
    """Continue a sweep where its journal leaves off; a finished one only gets its page again.

    A job that is still there is waited for.

    Args:
        folder: The run folder.
        overrides: What is to change: the budget, such as ``search.trials=48`` (a total), scheduler,
            searcher, or the space, such as ``method.lora.rank={one_of: [4, 8, 16]}``.
        allow_code: As for ``run``, if the folder was moved since.

    Raises:
        AutopeftError: As ``run``.
    """
    run_folder = reopen_run(folder, allow_code=allow_code)
    if living := living_job(run_folder):
        if overrides:
            raise InputError(f"job {living.submission.id} is still there, so nothing can change")
        return _wait(run_folder)
    amend(run_folder, overrides)
    is_over = run_folder.history().is_over and not overrides
    return _drive(run_folder, here=is_over)


def _drive(run_folder: RunFolder, *, here: bool = False) -> RunFolder:
    sweep = run_folder.sweep()
    if is_queued(sweep) and not here:
        try:
            submit_sweep(run_folder)
        except Refused as refused:
            raise as_written(refused, sweep) from refused
        return _wait(run_folder)
    if run_driver(run_folder) != 0:
        raise AutopeftError(
            f"the sweep did not reach its end; see {run_folder.driver_log}, then "
            f"`autopeft resume {run_folder.path}`"
        )
    return run_folder


def _wait(run_folder: RunFolder) -> RunFolder:
    """Wait for the end of the sweep's job."""
    standing = follow(
        run_folder, Tail(run_folder.journal), hear=lambda event: None, stands=lambda standing: None
    )
    if exit_code_of(standing.seen) != 0:
        raise AutopeftError(
            f"{end_in_words(standing)}; see {run_folder.path / 'job.log'}, then "
            f"`autopeft resume {run_folder.path}`"
        )
    return run_folder
