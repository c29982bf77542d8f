"""A fine-tuning trial in steps: built, then trained and scored report by report."""

import time
from pathlib import Path

from autopeft.methods.adapt import adapt
from autopeft.methods.effective import effective_hash
from autopeft.spec.method import ZeroShot
from autopeft.spec.trial import TrialSpec
from autopeft.trial.base import Building, Report
from autopeft.trial.checkpoint import load_checkpoint, save_checkpoint
from autopeft.trial.system_metrics import SystemMetrics
from autopeft.trial.training import Trainer
from autopeft.trial.worker import Worker


class TrialSession:
    """One configuration on a warm worker.

    Construction builds and adapts (``building`` says what came of it); every ``advance`` trains up
    to the next report, scores, and writes a checkpoint; ``close`` leaves the worker as it was.

    Args:
        spec: The configuration.
        worker: Holds base and data.
        folder: For the checkpoint and the adapter; ``None`` writes nothing.
        score_test: Whether the final report also scores the test split.

    Raises:
        InvalidConfiguration: It cannot be built on this base.
    """

    def __init__(
        self, spec: TrialSpec, worker: Worker, *, folder: Path | None, score_test: bool = False
    ) -> None:
        self.spec, self._worker, self._folder = spec, worker, folder
        self._score_test = score_test
        self._task = worker.task(spec)
        base = worker.base(spec)
        worker.forget_peak()
        self._adapted = adapt(base.model, spec.method, seed=spec.seed)
        # The frozen weights too: two bases of one shape are two models.
        built = {**self._adapted.effective, "base": base.checksum}
        training = spec.training.model_dump(exclude={"report_every"})
        task = spec.task.model_dump(exclude={"data"})
        self.building = Building(
            effective_hash(built, {**training, "task": task}, spec.seed),
            self._adapted.trainable_parameters,
            built,
        )
        self._steps = 0 if isinstance(spec.method, ZeroShot) else spec.training.steps
        self._trainer: Trainer | None = None
        self._cpu_seconds = 0.0
        self._system = SystemMetrics(disk=worker.cache.parent, device=worker.device)

    def advance(self) -> Report:
        """Train up to the next report and score; the last report is ``final``.

        A resumed session first gives its checkpoint's report again: the driver may have been
        killed before it wrote that down.

        Raises:
            NotFinite: The training diverged.
            DeadAdapter: The adapter would learn nothing.
        """
        if self._steps == 0:
            report = Report(0, self._score(final=True), final=True)
            self._save_adapter()
            return report
        if self._trainer is None:
            self._trainer = Trainer(
                self._adapted, self._task, self.spec.training, seed=self.spec.seed,
                device=self._worker.device,
            )  # fmt: skip
            last = self._resume(self._trainer)
            if last is not None:
                return last
        return self._train(self._trainer)

    def _train(self, trainer: Trainer) -> Report:
        every = self.spec.training.report_every
        target = min((trainer.step // every + 1) * every, self._steps)
        began = time.process_time()
        loss = trainer.advance(target - trainer.step)
        final = trainer.step >= self._steps
        metrics = {
            "train_loss": loss,
            "step_seconds": trainer.step_seconds,
            "train_seconds": trainer.train_seconds,
        }
        metrics |= self._score(final=final)
        self._cpu_seconds += time.process_time() - began
        metrics["cpu_seconds"] = self._cpu_seconds
        if final:
            self._save_adapter()
        if self._folder is not None:
            save_checkpoint(
                self._folder, {"trainer": trainer.state(), "metrics": metrics, "final": final}
            )
        return Report(trainer.step, metrics, final=final)

    def _resume(self, trainer: Trainer) -> Report | None:
        state = load_checkpoint(self._folder) if self._folder is not None else None
        if state is None:
            return None
        trainer.load(state["trainer"])
        self._cpu_seconds = state["metrics"].get("cpu_seconds", 0.0)
        return Report(trainer.step, state["metrics"], final=state["final"])

    def score(self, split: str) -> dict[str, float]:
        """Return the metrics of a split as the model stands now; for studies, never for a search.

        A search that saw the test split would choose by it.
        """
        return self._task.evaluate(self._adapted.model, split)

    def close(self) -> None:
        """Take the adapter off and check that nothing of this trial stays in the worker."""
        self._trainer = None
        self._adapted.unload()
        self._worker.check()

    def _score(self, *, final: bool) -> dict[str, float]:
        model = self._adapted.model
        metrics = dict(self._task.evaluate(model, "validation"))
        if final:
            metrics |= self._task.evaluate(model, "source")
        if final and self._score_test:
            test = self._task.evaluate(model, "test")
            metrics |= {f"test_{name}": value for name, value in test.items()}
        metrics |= self._system.read()
        return metrics | self._worker.peak()

    def _save_adapter(self) -> None:
        """Keep what a baseline or a retraining learnt: one of them may be exported."""
        if self._folder is not None and self._score_test and self._steps > 0:
            self._adapted.save(self._folder / "adapter")
