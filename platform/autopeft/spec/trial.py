"""One configuration, concrete: what a worker needs to run and score it."""

from typing import Annotated, Self, TypeAlias

from pydantic import Field, TypeAdapter

from autopeft.spec.method import AnyMethod
from autopeft.spec.model import Model
from autopeft.spec.objective import CommandTask, FunctionTask
from autopeft.spec.record import Record
from autopeft.spec.task import TASK_RECORDS, FineTuning, Task
from autopeft.spec.training import Training

SMALLEST_BATCH = 2


class TrialSpec(Record):
    """A base adapted by a method: everything that decides its numbers, the seed included."""

    task: Task
    model: Model = Model()
    method: AnyMethod
    training: Training = Training()
    seed: int = Field(0, ge=0)

    @property
    def steps(self) -> int:
        """How many steps a whole trial has."""
        return self.training.steps

    @property
    def report_every(self) -> int | None:
        """How many steps lie between two reports; ``None`` if only the trial can tell."""
        return self.training.report_every

    def with_less_memory(self, times: int = 1) -> Self | None:
        """Return the same trial with half the batch and twice the accumulation, so many times.

        ``None`` if it has nothing left to halve.
        """
        size = self.training.batch_size // 2**times
        if size < SMALLEST_BATCH:
            return None
        smaller = {"batch_size": size, "accumulation": self.training.accumulation * 2**times}
        return self.model_copy(update={"training": self.training.model_copy(update=smaller)})


class ObjectiveSpec(Record):
    """A program or a function with its parameters."""

    task: Annotated[CommandTask | FunctionTask, Field(discriminator="kind")]
    seed: int = Field(0, ge=0)

    @property
    def steps(self) -> int:
        """How many steps a whole trial has."""
        return self.task.steps

    @property
    def report_every(self) -> int | None:
        """``None``: only the trial can tell."""
        return None

    def with_less_memory(self, times: int = 1) -> Self | None:
        """``None``: there is nothing that could be halved."""
        return None


AnyTrial: TypeAlias = TrialSpec | ObjectiveSpec
_TRIALS: TypeAdapter[AnyTrial] = TypeAdapter(AnyTrial)


def trial_record(task: str) -> type[AnyTrial]:
    """Return what a trial of a kind of task is.

    Example:
        >>> trial_record("command").__name__, trial_record("contrastive").__name__
        ('ObjectiveSpec', 'TrialSpec')
    """
    return TrialSpec if issubclass(TASK_RECORDS[task], FineTuning) else ObjectiveSpec


def read_trial(text: str) -> AnyTrial:
    """Return the trial that ``model_dump_json`` wrote."""
    return _TRIALS.validate_json(text)
