"""Trials that adapt a base: a warm worker, and a session on it for each."""

from pathlib import Path

from autopeft.spec.trial import TrialSpec
from autopeft.trial.session import TrialSession
from autopeft.trial.worker import Worker


class FineTuningRunner:
    """Base, data and frozen outputs are loaded once; adapters come and go."""

    def __init__(self, cache: Path, *, cpus: int = 1, gpus: float = 0) -> None:
        self.worker = Worker(cache, cpus=cpus, gpus=gpus)

    def warm(self, spec: TrialSpec) -> None:
        """Load base and data."""
        self.worker.task(spec)

    def open(
        self,
        spec: TrialSpec,
        *,
        folder: Path | None,
        score_test: bool = False,
        until: float | None = None,
    ) -> TrialSession:
        """Build and adapt; the time is looked at between reports, and by ``sweep.deadline``."""
        return TrialSession(spec, self.worker, folder=folder, score_test=score_test)

    def close(self) -> None:
        """Nothing outlives the process."""
