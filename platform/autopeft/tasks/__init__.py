"""What success means: the loss, the order of the clips and the score; one task per file.

Nothing here loads torch: the table's entries do, when they are used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autopeft.core.choices import Choices

if TYPE_CHECKING:
    from autopeft.data.features import Progress
    from autopeft.models import Base
    from autopeft.spec.task import Task as TaskSpec
    from autopeft.tasks.base import Task

TASKS = Choices("task", "tasks", {"contrastive": "autopeft.tasks.contrastive:Contrastive"})


def open_task(
    spec: TaskSpec,
    base: Base,
    *,
    cache_dir: Path | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Task:
    """Return the task, its features computed or found in the cache; once per warm worker.

    Raises:
        DataError: The data cannot be used.
    """
    task: Task = TASKS.load(spec.kind)(
        spec, base, cache_dir=cache_dir, device=device, progress=progress
    )
    return task


__all__ = ["TASKS", "open_task"]
