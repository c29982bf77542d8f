"""How a configuration is trained; the learning rate belongs to the method."""

from typing import Literal, Self

from pydantic import Field, model_validator

from autopeft.spec.record import Record, about


class Training(Record):
    """AdamW with warm-up; ``steps`` counts optimiser steps and is the search's fidelity."""

    steps: int = Field(80, ge=1)
    batch_size: int = Field(40, ge=2)
    accumulation: int = Field(1, ge=1)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = Field(8, ge=0)
    weight_decay: float = Field(0.01, ge=0, le=10)
    clip_norm: float = Field(1.0, gt=0)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    report_every: int = Field(10, ge=1)

    @model_validator(mode="after")
    def _warm_up_fits(self) -> Self:
        if self.warmup_steps >= self.steps:
            raise about(
                "warmup_steps",
                f"{self.warmup_steps} is not below steps {self.steps}; "
                f"write e.g. warmup_steps: {self.steps // 10}",
            )
        return self
