"""What success means, as a user writes it."""

from string import Formatter
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from autopeft.spec.data import Data
from autopeft.spec.objective import CommandTask, FunctionTask
from autopeft.spec.record import about
from autopeft.spec.task_kind import TaskKind

# Of the machine, by the names of MLflow's own system metrics; the first is the worker's alone.
SYSTEM_METRICS = (
    "system/memory_rss_mb",
    "system/cpu_utilization_percentage",
    "system/system_memory_usage_megabytes",
    "system/system_memory_usage_percentage",
    "system/disk_usage_megabytes",
    "system/disk_usage_percentage",
    "system/disk_available_megabytes",
    "system/network_receive_megabytes",
    "system/network_transmit_megabytes",
    "system/gpu_0_memory_usage_megabytes",
    "system/gpu_0_memory_usage_percentage",
)
# What the trial loop itself reports, whatever the task.
LOOP_METRICS = (
    "train_loss",
    "step_seconds",
    "train_seconds",
    "cpu_seconds",
    "gpu_memory_mb",
    *SYSTEM_METRICS,
)
# Known before training: a bound, not an aim.
BUILT_METRICS = ("trainable_parameters",)
# Scored with the last report only, so that nothing can be stopped early by it.
LAST_METRICS = ("source_accuracy",)


class FineTuning(TaskKind):
    """What every task shares whose trials adapt a base: a model, a method, a training."""

    runner: ClassVar[str] = "fine-tuning"
    has_adapters: ClassVar[bool] = True
    has_baselines: ClassVar[bool] = True
    has_test: ClassVar[bool] = True
    has_checkpoints: ClassVar[bool] = True
    steps_path: ClassVar[str] = "training.steps"

    data: Data

    def reported(self) -> tuple[str, ...]:
        """Return the task's metrics and the loop's; of the source domain where there is one."""
        known = (*METRICS[self.kind], *LOOP_METRICS)
        has_source = bool(getattr(self.data, "source_clips", 0))
        return tuple(m for m in known if has_source or m not in LAST_METRICS)


def _check_prompt(prompt: str) -> str:
    if "{caption}" not in prompt:
        raise ValueError(f"{prompt!r} lacks {{caption}}")
    words = {word for _, word, _, _ in Formatter().parse(prompt) if word is not None}
    if words != {"caption"}:
        raise ValueError(
            f"{prompt!r} names {sorted(words - {'caption'})}; only {{caption}} is filled in"
        )
    return prompt


class ContrastiveTask(FineTuning):
    """Bring sounds and their captions together; score zero-shot classification and retrieval.

    The loss is ``caption_bank_weight`` x cross-entropy of a sound against all captions plus
    ``in_batch_weight`` x symmetric InfoNCE within the batch. ``prompt`` wraps every caption.
    """

    kind: Literal["contrastive"] = "contrastive"
    caption_bank_weight: float = Field(1.0, ge=0, le=1000)
    in_batch_weight: float = Field(0.0, ge=0, le=1000)
    prompt: Annotated[str, AfterValidator(_check_prompt)] = "{caption}"

    @model_validator(mode="after")
    def _some_loss(self) -> Self:
        if self.caption_bank_weight + self.in_batch_weight <= 0:
            raise about("caption_bank_weight", "0, and so is in_batch_weight; raise one")
        return self


# What each of them reports of validation: what can be an objective or be bounded.
METRICS: dict[str, tuple[str, ...]] = {
    "contrastive": (
        "accuracy",
        "accuracy_stderr",
        "loss",
        *(
            f"{direction}_{metric}"
            for direction in ("audio_to_text", "text_to_audio")
            for metric in ("recall_at_1", "recall_at_5", "recall_at_10", "map_at_10")
        ),
        *LAST_METRICS,
    ),
}

# Tasks that adapt a base. One so far; the next joins as
# `Annotated[ContrastiveTask | …, Field(discriminator="kind")]`.
Task: TypeAlias = ContrastiveTask

TASK_RECORDS: dict[str, type[TaskKind]] = {
    "contrastive": ContrastiveTask,
    "command": CommandTask,
    "function": FunctionTask,
}
