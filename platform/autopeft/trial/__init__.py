"""One configuration, from its values to its last report; one runner per kind of task.

Nothing here loads torch: the table's entries do, as far as they need it.
"""

from pathlib import Path
from typing import Any

from autopeft.core.choices import Choices
from autopeft.spec.trial import AnyTrial
from autopeft.trial.base import Building, Report, Runner, Session

RUNNERS = Choices(
    "runner",
    "runners",
    {
        "fine-tuning": "autopeft.trial.fine_tuning:FineTuningRunner",
        "command": "autopeft.trial.command:CommandRunner",
        "function": "autopeft.trial.function:FunctionRunner",
    },
)


def open_runner(spec: AnyTrial, *, cache: Path, cpus: int = 1, gpus: float = 0) -> Runner[Any]:
    """Return what runs trials like ``spec``, once per warm process.

    Args:
        spec: Any trial of the sweep.
        cache: Folder of what is computed once and shared with other processes.
        cpus: Threads that a trial may use.
        gpus: GPUs that a trial may use.
    """
    runner: Runner[Any] = RUNNERS.load(spec.task.runner)(cache, cpus=cpus, gpus=gpus)
    return runner


__all__ = ["RUNNERS", "Building", "Report", "Runner", "Session", "open_runner"]
