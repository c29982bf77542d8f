"""What was really built, as plain data, so that two names for one model are recognised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from autopeft.spec.method import is_on

# Knobs of a method that leave no trace in the tensors it builds.
_UNSEEN = ("learning_rate", "dropout", "activation", "scaling")

# For the reader alone: the tensors' shapes and scalings say what these amount to.
_NAMES = ("kind", "rank")


def describe(model: nn.Module, method: Any) -> dict[str, Any]:
    """Return the adapted modules with their ranks, scalings and shapes, and the initial weights."""
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return {
        "kind": method.kind,
        "knobs": [_knobs(part) for part in getattr(method, "parts", [method]) if is_on(part)],
        "modules": dict(_modules(model)),
        "trainable_parameters": sum(p.numel() for p in trainable.values()),
        "initialisation": _fingerprint(trainable),
    }


def effective_hash(effective: Mapping[str, Any], training: Mapping[str, Any], seed: int) -> str:
    """Return a hash that is equal for configurations that train the same model the same way.

    Example:
        >>> built = {"kind": "lora", "modules": {"q": {"rank": 8, "scaling": 2.0}}}
        >>> same = {"kind": "rslora", "modules": {"q": {"rank": 8, "scaling": 2.0}}}
        >>> effective_hash(built, {"steps": 80}, 0) == effective_hash(same, {"steps": 80}, 0)
        True
        >>> effective_hash(built, {"steps": 80}, 0) == effective_hash(built, {"steps": 80}, 1)
        False
    """
    modules = {name: _without_names(facts) for name, facts in effective["modules"].items()}
    facts = {**_without_names(effective), "modules": modules}
    text = json.dumps([facts, dict(training), seed], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _without_names(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key not in _NAMES}


def _knobs(part: Any) -> dict[str, Any]:
    return {knob: getattr(part, knob) for knob in _UNSEEN if hasattr(part, knob)}


def _modules(model: nn.Module) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name in the base and the facts of every module that holds adapters."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import ModulesToSaveWrapper

    for name, module in model.named_modules():
        if isinstance(module, BaseTunerLayer | ModulesToSaveWrapper):
            shown = name.removeprefix("base_model.model.").replace(".base_layer", "")
            for adapter in module.active_adapters:
                key = shown if adapter == "default" else f"{shown}[{adapter}]"
                yield key, _facts(module, adapter)


def _facts(module: Any, adapter: str) -> dict[str, Any]:
    """Return how one adapter sits on one module."""
    ranks = [getattr(module, name, {}).get(adapter) for name in ("r", "miss_r", "widths")]
    mark = f".{adapter}."
    return {
        "rank": next((rank for rank in ranks if rank is not None), None),
        "scaling": _scaling(module, adapter),
        # Fed by the layer's input or by its output: where these are as wide, no shape tells.
        "parallel": getattr(module, "parallel", {}).get(adapter, False),
        "shapes": {
            name: list(parameter.shape)
            for name, parameter in module.named_parameters()
            if parameter.requires_grad and mark in f".{name}." and "base_layer" not in name
        },
    }


def _scaling(module: Any, adapter: str) -> float | None:
    scaling = getattr(module, "scaling", None)
    return float(scaling[adapter]) if isinstance(scaling, dict) and adapter in scaling else None


def _fingerprint(parameters: Mapping[str, nn.Parameter]) -> str:
    """Return a hash of the tensors, whose start may depend on the seed."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(parameters):
        tensor = parameters[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
