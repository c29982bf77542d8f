"""Code that a search file names by its place runs only if the user allowed it.

What an installed package offers in the entry-point group ``autopeft.objectives`` was chosen when
the package was installed. Any other function, ``os:system`` among them, would be chosen by a YAML
file, which is data. So ``--allow-code`` must be typed, once: the run folder then holds what was
allowed, where the folder lies and whose it is, and a resume asks again if one of them has changed,
as in a folder that came from somebody else.
"""

import json
import os

from autopeft.core.errors import InputError, Problem, RunFolderError
from autopeft.core.places import write_json
from autopeft.spec.objective import FunctionTask
from autopeft.spec.sweep import Sweep
from autopeft.tracking.run_folder import RunFolder
from autopeft.trial.objectives import is_registered

RECORD = "allowed-code.json"
ENTRY_POINT = ("task", "entry_point")


def code_named_by(sweep: Sweep) -> str | None:
    """Return the function that a search file chose by itself, if it did."""
    task = sweep.task
    if not isinstance(task, FunctionTask) or is_registered(task.entry_point):
        return None
    return task.entry_point


def refused_code(sweep: Sweep, *, allowed: bool) -> list[Problem]:
    """Return that the sweep names code and nobody has allowed it."""
    code = code_named_by(sweep)
    if code is None or allowed:
        return []
    return [
        sweep.problem(
            ENTRY_POINT,
            f"{code} is code that no installed package offers as an objective; look at it, then "
            "allow it with --allow-code",
        )
    ]


def record_permission(run: RunFolder, sweep: Sweep) -> None:
    """Note in the run folder that its user has allowed the code that its sweep names.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    code = code_named_by(sweep)
    if code is None:
        return
    try:
        write_json(run.path / RECORD, _permission(run, code))
    except OSError as error:
        raise RunFolderError(f"{run.path}: cannot be written: {error.strerror}") from error


def require_permission(run: RunFolder, sweep: Sweep) -> None:
    """Return if the code that a run's sweep names has been allowed here, by this user.

    Raises:
        InputError: It has not.
    """
    code = code_named_by(sweep)
    if code is None:
        return
    try:
        noted = json.loads((run.path / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        noted = None
    problems = refused_code(sweep, allowed=noted == _permission(run, code))
    if problems:
        raise InputError(problems)


def _permission(run: RunFolder, code: str) -> dict[str, object]:
    return {"code": code, "run": str(run.path.resolve()), "user": os.getuid()}
