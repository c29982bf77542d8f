"""MiSS, formerly Bone: one trained shard, repeated along W's input (Kang & Yin, arXiv 2409.15371).

A rank that does not divide the input width is allowed: the last repetition is cut, as in the paper.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods.guards import check_on
from autopeft.methods.lora import linears
from autopeft.methods.peft_method import PeftMethod


def _config(targets: tuple[str, ...], method: Any, seed: int) -> Any:
    from peft import MissConfig

    return MissConfig(target_modules=[*targets], r=method.rank, miss_dropout=method.dropout)


def _per_module(name: str, module: nn.Linear, method: Any) -> int:
    check_on(method.rank, word="rank")
    if method.rank > module.in_features:
        raise InvalidConfiguration(
            f"method.rank: rank {method.rank} is above the input width {module.in_features} of "
            f"module {name}; at most {module.in_features}"
        )
    return int(method.rank * module.out_features)


MISS = PeftMethod(linears, _config, _per_module)
