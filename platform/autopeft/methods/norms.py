"""Train the layer norms alone, on copies of them (LN tuning; Zhao et al., arXiv 2312.11420)."""

from __future__ import annotations

from typing import Any

from torch import nn

from autopeft.methods.peft_method import PeftMethod
from autopeft.models.roles import norms


def _targets(model: nn.Module, method: Any) -> tuple[str, ...]:
    return norms(model, method.roles, method.layers)


def _config(targets: tuple[str, ...], method: Any, seed: int) -> Any:
    from peft import LNTuningConfig

    return LNTuningConfig(target_modules=[*targets])


def _per_module(name: str, module: nn.LayerNorm, method: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


LN = PeftMethod(_targets, _config, _per_module)
