"""A warm worker: base, data and frozen outputs are made once, adapters come and go."""

import gc
from dataclasses import dataclass, field
from pathlib import Path

import torch

from autopeft.models.load import Base, checksum, load_base
from autopeft.spec.trial import TrialSpec
from autopeft.tasks import TASKS
from autopeft.tasks.base import Task
from autopeft.trial.failures import WorkerDoubtful
from autopeft.trial.memory import keep_freed_memory, resident_mb, return_freed_memory


@dataclass(slots=True)
class Worker:
    """What is kept between trials on one process.

    Attributes:
        cache: Folder of features shared with other workers.
        cpus: Threads torch may use.
        gpus: GPUs torch may use; with any, and one there, ``device`` is ``cuda``.
        memory_limit_mb: Growth of resident memory over the first trial's that is tolerated.
    """

    cache: Path
    cpus: int = 1
    gpus: float = 0
    memory_limit_mb: float = 4096
    doubt: str = ""
    _base: Base | None = field(default=None, init=False)
    _base_key: str = field(default="", init=False)
    _task: Task | None = field(default=None, init=False)
    _task_key: str = field(default="", init=False)
    _first_rss_mb: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        # One thread per CPU asked for: torch would take the whole machine in every worker.
        torch.set_num_threads(self.cpus)
        keep_freed_memory()

    @property
    def device(self) -> str:
        """Where models are: ``cpu`` or ``cuda``."""
        return "cuda" if self.gpus > 0 and torch.cuda.is_available() else "cpu"

    def base(self, spec: TrialSpec) -> Base:
        """Return the base of ``spec``, loaded once.

        Raises:
            WorkerDoubtful: An earlier trial left a trace; nothing may be trained here any more.
        """
        if self.doubt:
            raise WorkerDoubtful(self.doubt)
        key = spec.model.model_dump_json()
        if self._base is None or key != self._base_key:
            self._task, self._task_key = None, ""
            self._base = load_base(spec.model.base, revision=spec.model.revision)
            self._base.model.to(self.device)
            self._base_key = key
        return self._base

    def task(self, spec: TrialSpec) -> Task:
        """Return the task of ``spec``: its data decoded and its features computed once."""
        base = self.base(spec)
        key = spec.task.model_dump_json()
        if self._task is None or key != self._task_key:
            self._task = TASKS.load(spec.task.kind)(
                spec.task, base, cache_dir=self.cache, device=self.device
            )
            self._task_key = key
            # What is kept for ever need not be searched for garbage after every trial: with a
            # loaded transformers that search takes 0.24 s, after a freeze milliseconds.
            gc.collect()
            gc.freeze()
        return self._task

    def forget_peak(self) -> None:
        """Count the GPU's memory anew: what an earlier trial took says nothing of the next."""
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> dict[str, float]:
        """Return the most GPU memory that torch held since then, base and data included."""
        if self.device != "cuda":
            return {}
        return {"gpu_memory_mb": torch.cuda.max_memory_allocated() / 1e6}

    def check(self) -> None:
        """Look for traces of the trial that just ended: a changed base, memory that stays."""
        gc.collect()
        return_freed_memory()
        if self.device == "cuda":
            torch.cuda.empty_cache()  # what this worker does not use is another's on the same GPU
        if self._base is not None and checksum(self._base.model) != self._base.checksum:
            self.doubt = "the base's weights changed during the last trial"
        rss_mb = resident_mb()
        self._first_rss_mb = self._first_rss_mb or rss_mb
        if rss_mb - self._first_rss_mb > self.memory_limit_mb:
            self.doubt = f"memory grew from {self._first_rss_mb:.0f} to {rss_mb:.0f} MB"
