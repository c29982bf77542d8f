"""The Python API: what the command line does, as functions."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autopeft.clusters.local import run_driver
from autopeft.core.errors import AutopeftError
from autopeft.spec.load import load_sweep
from autopeft.sweep.amend import amend
from autopeft.sweep.preflight import preflight
from autopeft.tracking.run_folder import RunFolder, create_run, open_run


def run(
    spec: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    runs: str | Path = "runs",
) -> RunFolder:
    """Run the sweep that a YAML file, or the same as a dict, describes; return its run folder.

    Args:
        spec: A search file or its content.
        overrides: ``path=value`` pairs, such as ``search.trials=48``.
        runs: Where run folders go.

    Raises:
        InputError: Holds every problem of the spec at once.
        AutopeftError: The sweep did not reach its end; ``resume`` continues it.

    Example:
        >>> run("search.yaml", ["search.trials=48"]).trials()  # doctest: +SKIP
    """
    sweep = load_sweep(spec, overrides)
    for remark in preflight(sweep):
        warnings.warn(str(remark), stacklevel=2)
    return _drive(create_run(sweep, Path(runs)))


def resume(folder: str | Path, overrides: Sequence[str] = ()) -> RunFolder:
    """Continue a sweep where its journal leaves off; a finished one only gets its page again.

    Args:
        folder: The run folder.
        overrides: A new budget, such as ``search.trials=48`` (a total).

    Raises:
        AutopeftError: As ``run``.
    """
    run_folder = open_run(folder)
    amend(run_folder, overrides)
    return _drive(run_folder)


def _drive(run_folder: RunFolder) -> RunFolder:
    if run_driver(run_folder) != 0:
        raise AutopeftError(
            f"the sweep did not reach its end; see {run_folder.driver_log}, then "
            f"`autopeft resume {run_folder.path}`"
        )
    return run_folder
