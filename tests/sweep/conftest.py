"""A sweep that needs no torch: a formula instead of training, a conductor driven by hand."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autopeft.schedulers import Decision
from autopeft.searchers import Done, Wait
from autopeft.spec.load import load_sweep
from autopeft.sweep.assignment import Assignment
from autopeft.sweep.conductor import Conductor
from autopeft.tracking.events import SweepStarted
from autopeft.tracking.journal import Journal, read_journal
from autopeft.tracking.run_folder import RunFolder, create_run

SPEC: dict[str, Any] = {
    "name": "small",
    "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
    "method": {
        "any_of": [
            {"kind": "lora", "learning_rate": "search", "rank": "search"},
            {"kind": "ia3", "learning_rate": "search"},
        ]
    },
    "training": {"steps": 80},
    "search": {"trials": 12, "searcher": {"kind": "tpe", "startup_trials": 4}},
    "tracking": {"enabled": False},
}


class Stage:
    """Plays worker: takes assignments, reports a formula, may be killed at any event."""

    def __init__(self, run: RunFolder, *, slots: int = 1, seed: int = 0) -> None:
        self.run, self.slots, self.random = run, slots, random.Random(seed)
        self.sweep = run.sweep()
        self.events = 0
        self.die_after: int | None = None
        self.accuracy: Callable[[Assignment, int], float] = formula
        self.effective: Callable[[Assignment], str] = lambda a: a.spec.model_dump_json()
        self.fails: Callable[[Assignment, int], bool] = lambda assignment, step: False

    def open(self) -> Conductor:
        old = list(read_journal(self.run.journal)) if self.run.journal.exists() else []
        self.journal = Journal(self.run.journal)
        self.journal.listen(self._count)
        if not old:
            first = SweepStarted(time=1.0, sweep="s", name="small", seed=0, versions={})
            self.journal.write(first)
            old = [first]
            return Conductor(self.sweep, self.journal, events=old)
        conductor = Conductor(self.sweep, self.journal, events=old)
        if not conductor.is_over:
            conductor.resume()
        return conductor

    def play(self, conductor: Conductor) -> None:
        """Run until done; raises ``Killed`` where told to."""
        running: dict[str, tuple[Assignment, int]] = {}
        while True:
            while len(running) < self.slots:
                match conductor.next():
                    case Assignment() as assignment:
                        if self._build(conductor, assignment) is Decision.CONTINUE:
                            step = conductor.history.trials[assignment.trial].step
                            running[assignment.trial] = (assignment, step)
                    case Wait():
                        assert running, "the conductor waits for nobody"
                        break
                    case Done():
                        assert not running
                        return
            trial = self.random.choice(sorted(running))
            assignment, step = running.pop(trial)
            step = min(step + 10, 80)
            if self.fails(assignment, step):
                conductor.on_failure(trial, reason="error: drawn to fail")
                continue
            loss = getattr(assignment.spec.method, "rank", 2) / 8 + step / 800
            metrics = {"accuracy": self.accuracy(assignment, step), "loss": loss}
            decision = conductor.on_report(trial, step=step, metrics=metrics, final=step == 80)
            if decision is Decision.CONTINUE:
                running[trial] = (assignment, step)

    def close(self) -> None:
        self.journal.close()

    def _build(self, conductor: Conductor, assignment: Assignment) -> Decision:
        return conductor.on_built(
            assignment.trial,
            effective=self.effective(assignment),
            trainable_parameters=100,
            details={},
        )

    def _count(self, event: object) -> None:
        self.events += 1
        if self.die_after is not None and self.events >= self.die_after:
            raise Killed


class Killed(BaseException):
    """The driver is gone, after this event reached the disk and before anybody learnt of it."""


def formula(assignment: Assignment, step: int) -> float:
    rate = getattr(assignment.spec.method, "learning_rate", 1e-3)
    return (1 - abs(rate - 0.003) * 40) * step / 80 + assignment.spec.seed % 97 * 1e-6


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Stage]:
    """Make a stage on a fresh run folder; keyword arguments override the search."""

    def make(name: str = "runs", *, slots: int = 1, **search: Any) -> Stage:
        spec = {**SPEC, "search": {**SPEC["search"], **search}}
        return Stage(create_run(load_sweep(spec), tmp_path / name), slots=slots)

    return make
