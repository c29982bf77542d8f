"""LoHa and LoKr: the weight update as a Hadamard or a Kronecker product of small factors.

LoHa: (B1 A1) * (B2 A2), so rank r reaches up to r squared (Hyeon-Woo et al., arXiv 2108.06098).
LoKr: a Kronecker product whose second factor is low-rank, or whole where the rank is half its size
or more, as LyCORIS defines it (Yeh et al., arXiv 2309.14859). Dropout drops rows of the update.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods.guards import check_on, check_rank
from autopeft.methods.lora import alpha, linears
from autopeft.methods.peft_method import PeftMethod


def _loha_config(targets: tuple[str, ...], method: Any, seed: int) -> Any:
    from peft import LoHaConfig

    return LoHaConfig(
        target_modules=[*targets],
        r=method.rank,
        alpha=alpha(method),
        rank_dropout=method.dropout,
    )


def _loha_parameters(name: str, module: nn.Linear, method: Any) -> int:
    check_on(method.rank, word="rank")
    check_rank(method.rank, name=name, module=module)
    return int(2 * method.rank * (module.in_features + module.out_features))


def _lokr_config(targets: tuple[str, ...], method: Any, seed: int) -> Any:
    from peft import LoKrConfig

    return LoKrConfig(
        target_modules=[*targets],
        r=method.rank,
        alpha=alpha(method),
        rank_dropout=method.dropout,
        decompose_factor=method.decompose_factor,
    )


def _lokr_parameters(name: str, module: nn.Linear, method: Any) -> int:
    """Return the sizes of the first factor and of the second, whole or low-rank."""
    from peft.tuners.lokr.layer import factorization

    check_on(method.rank, word="rank")
    check_rank(method.rank, name=name, module=module)
    _check_factor(method.decompose_factor, name=name, module=module)
    in_m, in_n = factorization(module.in_features, method.decompose_factor)
    out_l, out_k = factorization(module.out_features, method.decompose_factor)
    low_rank = method.rank < max(out_k, in_n) / 2
    second = method.rank * (out_k + in_n) if low_rank else out_k * in_n
    return int(out_l * in_m + second)


def _check_factor(factor: int, *, name: str, module: nn.Linear) -> None:
    """Raise if PEFT would take another factor than was asked for."""
    widths = (module.in_features, module.out_features)
    if factor == -1 or (factor > 0 and all(width % factor == 0 for width in widths)):
        return
    raise InvalidConfiguration(
        f"method.decompose_factor: {factor} does not divide both widths {widths[0]} and "
        f"{widths[1]} of module {name}; -1 lets LoKr choose"
    )


LOHA = PeftMethod(linears, _loha_config, _loha_parameters)
LOKR = PeftMethod(linears, _lokr_config, _lokr_parameters)
