"""(IA)³: learnt scales on keys, values and the feed-forward's inner activations.

Liu et al., arXiv 2205.05638. Of the roles' linears it takes the keys and values of the attention,
and the last linear of each feed-forward and projection, whose input it scales.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from autopeft.methods.peft_method import PeftMethod
from autopeft.models.roles import resolve, subblock_outputs

_KEYS_AND_VALUES = ("key", "value", "k_proj", "v_proj")


def _targets(model: nn.Module, method: Any) -> tuple[str, ...]:
    """Return the keys, values and last linears among what the roles mean, in model order."""
    named = resolve(model, method.roles, method.layers)
    outputs = _feed_forward_outputs(model, method)
    return tuple(name for name in named if _is_key_or_value(name) or name in outputs)


def _feed_forward_outputs(model: nn.Module, method: Any) -> frozenset[str]:
    """Return the last linears of all sub-blocks but the attention's."""
    inner = [
        part.replace(".all", ".ffn")
        for part in method.roles.split("+")
        if not part.endswith(".attention")
    ]
    roles = "+".join(dict.fromkeys(inner))
    return frozenset(subblock_outputs(model, roles, method.layers)) if roles else frozenset()


def _is_key_or_value(name: str) -> bool:
    return name.rpartition(".")[2] in _KEYS_AND_VALUES


def _config(targets: tuple[str, ...], method: Any, seed: int) -> Any:
    from peft import IA3Config

    inner = [name for name in targets if not _is_key_or_value(name)]
    return IA3Config(target_modules=[*targets], feedforward_modules=inner)


def _per_module(name: str, module: nn.Linear, method: Any) -> int:
    return module.out_features if _is_key_or_value(name) else module.in_features


IA3 = PeftMethod(_targets, _config, _per_module)
