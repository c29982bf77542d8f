"""OFT: W turned by a block-diagonal orthogonal matrix (Qiu et al., arXiv 2306.07280).

Only on linear layers: PEFT 0.21.2's OFT on Conv2d moves the output at once and merges wrongly.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods.guards import check_on
from autopeft.methods.lora import linears
from autopeft.methods.peft_method import PeftMethod


def _config(targets: tuple[str, ...], method: Any, seed: int) -> Any:
    from peft import OFTConfig

    return OFTConfig(
        target_modules=[*targets],
        r=0,
        oft_block_size=method.block_size,
        module_dropout=method.dropout,
    )


def _per_module(name: str, module: nn.Linear, method: Any) -> int:
    check_on(method.block_size, word="block_size")
    _check_block(method.block_size, name=name, width=module.in_features)
    return int(module.in_features * (method.block_size - 1) // 2)


def _check_block(size: int, *, name: str, width: int) -> None:
    """Raise where PEFT would train another size (32 becomes 30 on a width of 60) or nothing."""
    sizes = [size for size in range(2, width + 1) if width % size == 0]
    if size not in sizes:
        raise InvalidConfiguration(
            f"method.block_size: block_size {size} does not divide the width {width} of module "
            f"{name} into blocks of at least 2; these do: {', '.join(map(str, sizes))}"
        )


OFT = PeftMethod(linears, _config, _per_module)
