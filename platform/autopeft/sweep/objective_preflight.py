"""Whether a program is there, and a function's package, as far as that is seen without running it.

On another machine, a cluster's, programs may lie elsewhere; nothing is said of those.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from autopeft.core.choices import did_you_mean, known_words
from autopeft.core.errors import Problem
from autopeft.spec.objective import CommandTask, FunctionTask
from autopeft.spec.sweep import Sweep
from autopeft.trial.objectives import OBJECTIVES, is_registered

COMMAND = ("task", "command")
FOLDER = ("task", "folder")
ENTRY_POINT = ("task", "entry_point")


def command_problems(
    sweep: Sweep, *, quick: bool, is_sure: Callable[..., bool]
) -> Iterator[Problem]:
    """Yield that the folder or the program is not there, or cannot be run."""
    task = sweep.task
    if not isinstance(task, CommandTask) or not is_sure(FOLDER):
        return
    folder, program = Path(task.folder), task.command[0]
    if not folder.is_dir():
        yield sweep.problem(FOLDER, f"there is no folder {folder}")
    elif not is_sure(COMMAND):
        return
    elif "/" in program:
        path = folder / program
        if not path.is_file():
            near = did_you_mean(path.name, [p.name for p in path.parent.glob("*")])
            yield sweep.problem(COMMAND, f"there is no program {path}{near}")
        elif not os.access(path, os.X_OK):
            yield sweep.problem(COMMAND, f"{path} is not executable; `chmod +x` it")
    elif sweep.settings.cluster == "local" and shutil.which(program) is None:
        here = f"; write ./{program} for that in {folder}" if (folder / program).is_file() else ""
        yield sweep.problem(COMMAND, f"no program {program!r} on the PATH{here}")


def function_problems(
    sweep: Sweep, *, quick: bool, is_sure: Callable[..., bool]
) -> Iterator[Problem]:
    """Yield that the function's package is not installed here; nothing is imported."""
    task = sweep.task
    if not isinstance(task, FunctionTask) or not is_sure(ENTRY_POINT):
        return
    name = task.entry_point
    if ":" not in name and not is_registered(name):
        words = known_words(name, sorted(OBJECTIVES))
        yield sweep.problem(
            ENTRY_POINT, f"no objective named {name!r}{words}; or write my_package.module:function"
        )
        return
    place = OBJECTIVES.get(name, name)
    package = place.partition(":")[0].partition(".")[0]
    if sweep.settings.cluster == "local" and find_spec(package) is None:
        yield sweep.problem(
            ENTRY_POINT,
            f"no package {package!r} is installed here; install it, or put its folder on "
            "PYTHONPATH",
        )
