"""Where bottleneck adapters sit: Houlsby, Pfeiffer, parallel; their layers are PEFT's plugin.

Houlsby: after attention and feed-forward, before the residual (arXiv 1902.00751). Pfeiffer: after
the feed-forward only (arXiv 2005.00247). Parallel: beside the last linear of either (He et al.,
arXiv 2110.04366, who put it beside the whole sub-block).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods.base import Traits
from autopeft.methods.guards import check_on
from autopeft.methods.peft_method import PeftMethod
from autopeft.models.roles import subblock_outputs

_TRAITS = Traits(can_merge=False, plugin="autopeft.methods.bottleneck_adapters")


def _outputs(model: nn.Module, method: Any) -> tuple[str, ...]:
    return subblock_outputs(model, method.roles, method.layers)


def _feed_forward_outputs(model: nn.Module, method: Any) -> tuple[str, ...]:
    """Return the outputs of the feed-forwards; ``all`` means just these here."""
    parts = method.roles.split("+")
    for part in parts:
        if part.endswith(".attention"):
            raise InvalidConfiguration(
                f"method.roles: pfeiffer sits after the feed-forward only, not on {part}; write "
                f"{part.replace('attention', 'ffn')}, or kind: houlsby"
            )
    roles = "+".join(dict.fromkeys(part.replace(".all", ".ffn") for part in parts))
    return subblock_outputs(model, roles, method.layers)


def _config(targets: tuple[str, ...], method: Any, seed: int, *, parallel: bool = False) -> Any:
    from autopeft.methods.bottleneck_adapters import BottleneckConfig

    return BottleneckConfig(
        target_modules=[*targets],
        width=method.width,
        activation=method.activation,
        scaling=method.scaling,
        dropout=method.dropout,
        parallel=parallel,
    )


def _serial(name: str, module: nn.Linear, method: Any) -> int:
    return _parameters(name, method, features=module.out_features, out=module.out_features)


def _beside(name: str, module: nn.Linear, method: Any) -> int:
    return _parameters(name, method, features=module.in_features, out=module.out_features)


def _parameters(name: str, method: Any, *, features: int, out: int) -> int:
    """Return the weights and biases of down and up; raises if the neck is no neck."""
    check_on(method.width, word="width")
    if method.width > min(features, out):
        raise InvalidConfiguration(
            f"method.width: width {method.width} is above the width {min(features, out)} of "
            f"module {name}; at most {min(features, out)}"
        )
    return int(method.width * (features + 1) + out * (method.width + 1))


HOULSBY = PeftMethod(_outputs, _config, _serial, _TRAITS)
PFEIFFER = PeftMethod(_feed_forward_outputs, _config, _serial, _TRAITS)
PARALLEL = PeftMethod(_outputs, partial(_config, parallel=True), _beside, _TRAITS)
