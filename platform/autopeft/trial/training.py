"""AdamW steps that can be taken up again at any step with the same numbers.

Nothing random carries over from one step to the next: the batch of step ``n`` is a function of
(seed, n), and dropout draws from a stream seeded by (seed, n). A resumed trial therefore needs the
adapter, the optimiser and the step, and repeats the uninterrupted run bit for bit on one device.
"""

import math
import time
from typing import Any

import torch
from torch import nn

from autopeft.core.seeds import derive_seed
from autopeft.methods.base import Adapted
from autopeft.methods.guards import check_gradients
from autopeft.spec.training import Training
from autopeft.tasks.base import Task
from autopeft.trial.failures import NotFinite

GAINS_FROM = 20_000_000


def learning_rate_factor(step: int, training: Training) -> float:
    """Return what multiplies the peak learning rate at ``step`` (from 0): warm-up, then decay.

    Linear warm-up over ``warmup_steps``, then half a cosine to 0 at ``steps``, or constant.

    Example:
        >>> training = Training(steps=10, warmup_steps=2)
        >>> [round(learning_rate_factor(s, training), 2) for s in (0, 1, 2, 6)]
        [0.5, 1.0, 1.0, 0.5]
    """
    if step < training.warmup_steps:
        return (step + 1) / training.warmup_steps
    if training.schedule == "constant":
        return 1.0
    done = (step - training.warmup_steps) / (training.steps - training.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * done))


class Trainer:
    """Optimises what an adapted model leaves trainable; ``step`` counts what is done."""

    def __init__(
        self, adapted: Adapted, task: Task, training: Training, *, seed: int, device: str
    ) -> None:
        self._adapted, self._task, self._training = adapted, task, training
        self._seed, self._device = seed, device
        groups = adapted.parameter_groups()
        self._peaks = [group["lr"] for group in groups]
        # Adapters are many small tensors: one fused loop instead of a dozen calls per tensor.
        self._optimizer = torch.optim.AdamW(
            [dict(g) for g in groups], weight_decay=training.weight_decay, fused=True
        )
        size = sum(parameter.numel() for parameter in adapted.model.parameters())
        self._dtype = _autocast_dtype(training.precision, device, size)
        self._scaler = torch.amp.GradScaler(device, enabled=self._dtype is torch.float16)
        self.step = 0
        self.step_seconds = 0.0
        self.train_seconds = 0.0

    def advance(self, steps: int) -> float:
        """Take ``steps`` optimiser steps and return the mean training loss.

        Raises:
            NotFinite: The loss is not a number any more.
            DeadAdapter: A trainable tensor got no gradient in the very first step.
        """
        model = self._adapted.model
        model.train()
        began, total = time.perf_counter(), 0.0
        for _ in range(steps):
            total += self._one_step(model)
        seconds = time.perf_counter() - began
        self.step_seconds = seconds / max(steps, 1)
        self.train_seconds += seconds
        return total / max(steps, 1)

    def _one_step(self, model: nn.Module) -> float:
        torch.manual_seed(derive_seed(self._seed, "step", self.step))
        factor = learning_rate_factor(self.step, self._training)
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._backward(model)
        if self.step == 0:
            check_gradients(model)
        self._scaler.unscale_(self._optimizer)
        nn.utils.clip_grad_norm_(
            (p for group in self._optimizer.param_groups for p in group["params"]),
            self._training.clip_norm,
        )
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.step += 1
        return loss

    def _backward(self, model: nn.Module) -> float:
        """Accumulate gradients over the micro-batches of this step; return their mean loss."""
        count, total = self._training.accumulation, 0.0
        for micro in range(count):
            batch = self._task.batch(
                self.step * count + micro, batch_size=self._training.batch_size, seed=self._seed
            )
            with torch.autocast(self._device, dtype=self._dtype, enabled=self._dtype is not None):
                loss = self._task.loss(model, batch) / count
            value = float(loss.detach())
            if not math.isfinite(value):
                raise NotFinite(f"loss is {value} at step {self.step + 1}")
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            total += value
        return total

    def state(self) -> dict[str, Any]:
        """Return everything ``load`` needs: trained tensors, optimiser, step."""
        return {
            "step": self.step,
            "adapter": self._adapted.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "train_seconds": self.train_seconds,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._adapted.load_state_dict(state["adapter"])
        self._optimizer.load_state_dict(state["optimizer"])
        for group in self._optimizer.param_groups:  # a copy of another trial has its own decay
            group["weight_decay"] = self._training.weight_decay
        self._scaler.load_state_dict(state["scaler"])
        self.step, self.train_seconds = state["step"], state["train_seconds"]


def _autocast_dtype(precision: str, device: str, size: int) -> torch.dtype | None:
    """Mixed precision where the device gains from it: bf16 on GPUs that have it, else none.

    A small model waits for the launching of its kernels, and autocast launches more of them: on an
    H200 a step of the tiny base (0.3 M parameters) took 1.2 times as long in bf16, one of a CLAP of
    153 M at batch 128 two thirds of the time. On CPUs without AMX bf16 autocast was measured 2.8
    times slower than float32.
    """
    if precision == "auto":
        gains = device == "cuda" and size >= GAINS_FROM and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if gains else None
    return {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]
