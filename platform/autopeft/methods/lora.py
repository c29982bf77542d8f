"""LoRA and its three kin that differ by a flag: rsLoRA, DoRA, PiSSA.

LoRA: W + (alpha / rank) B A (Hu et al., arXiv 2106.09685). rsLoRA scales by alpha / sqrt(rank)
(Kalajdzievski, arXiv 2312.03732). DoRA adapts the direction by LoRA and learns the magnitude (Liu
et al., arXiv 2402.09353). PiSSA starts from W's principal singular vectors, which it takes out of
W (Meng et al., arXiv 2404.02948).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from autopeft.methods.base import Traits
from autopeft.methods.guards import check_on, check_rank
from autopeft.methods.peft_method import PeftMethod
from autopeft.models.roles import resolve


def linears(model: nn.Module, method: Any) -> tuple[str, ...]:
    """Return the names of the linears that the record's roles and layers mean."""
    return resolve(model, method.roles, method.layers)


def alpha(method: Any) -> float:
    """Return PEFT's alpha, an integer where it can be one, as PEFT declares it."""
    value = method.alpha_over_rank * method.rank
    return int(value) if float(value).is_integer() else value


def _config(targets: tuple[str, ...], method: Any, seed: int, **flags: Any) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        target_modules=[*targets],
        r=method.rank,
        lora_alpha=alpha(method),
        lora_dropout=method.dropout,
        **flags,
    )


def _per_module(name: str, module: nn.Linear, method: Any) -> int:
    check_on(method.rank, word="rank")
    check_rank(method.rank, name=name, module=module)
    return int(method.rank * (module.in_features + module.out_features))


def _per_module_with_magnitude(name: str, module: nn.Linear, method: Any) -> int:
    return _per_module(name, module, method) + module.out_features


LORA = PeftMethod(linears, _config, _per_module)
RSLORA = PeftMethod(linears, partial(_config, use_rslora=True), _per_module)
DORA = PeftMethod(linears, partial(_config, use_dora=True), _per_module_with_magnitude)
PISSA = PeftMethod(
    linears,
    partial(_config, init_lora_weights="pissa"),
    _per_module,
    Traits(writes_base=True),
)
