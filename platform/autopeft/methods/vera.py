"""VeRA: random matrices shared by all layers, trained scaling vectors (arXiv 2310.11454).

Kopiczko et al. The rank may be above a width: the shared matrices are not trained, and their rows
are only more directions to weigh.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from autopeft.methods.guards import check_on
from autopeft.methods.lora import linears
from autopeft.methods.peft_method import PeftMethod


def _config(targets: tuple[str, ...], method: Any, seed: int) -> Any:
    from peft import VeraConfig

    return VeraConfig(
        target_modules=[*targets],
        r=method.rank,
        projection_prng_key=seed,
        d_initial=method.d_initial,
        vera_dropout=method.dropout,
    )


def _per_module(name: str, module: nn.Linear, method: Any) -> int:
    check_on(method.rank, word="rank")
    return int(method.rank + module.out_features)


VERA = PeftMethod(linears, _config, _per_module)
