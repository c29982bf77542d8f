"""One configuration, concrete: what a worker needs to train and score it."""

from pydantic import Field

from autopeft.spec.method import AnyMethod
from autopeft.spec.model import Model
from autopeft.spec.record import Record
from autopeft.spec.task import Task
from autopeft.spec.training import Training


class TrialSpec(Record):
    """Everything that decides a trial's numbers, the seed included."""

    task: Task
    model: Model = Model()
    method: AnyMethod
    training: Training = Training()
    seed: int = Field(0, ge=0)
