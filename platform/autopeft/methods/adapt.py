"""Adapt a base, load what was saved, and predict what training would cost in parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from autopeft.core.errors import InputError
from autopeft.methods import METHODS
from autopeft.methods.base import Adapted, Method, Traits
from autopeft.methods.folders import NOTHING, loading_order
from autopeft.methods.guards import hold_batch_norm
from autopeft.methods.peft_method import between_libraries
from autopeft.methods.stacking import activate_all, forget_configs
from autopeft.spec.method import AnyMethod


def adapt(model: nn.Module, method: AnyMethod, *, seed: int) -> Adapted:
    """Return the base with the method attached; the same seed gives the same initial weights.

    The base is taken over until ``Adapted.unload``; a method that writes on it gets a copy.

    Raises:
        InvalidConfiguration: The configuration cannot be built on this base.
    """
    chosen = _method(method)

    def attach(target: nn.Module) -> Any:
        with _seeded(seed):
            return chosen.attach(target, method, seed=seed)

    return Adapted.of(model, attach, method=method, traits=chosen.traits(method))


def traits(method: AnyMethod) -> Traits:
    """Return what the method of this record can do."""
    return _method(method).traits(method)


def count_trainable(model: nn.Module, method: AnyMethod) -> int:
    """Return how many parameters the method would train, from the base's shapes alone.

    Raises:
        InvalidConfiguration: The configuration cannot be built on this base.
    """
    return _method(method).count(model, method)


def load_adapter(model: nn.Module, folder: Path | str) -> nn.Module:
    """Return the base with the adapters of a folder that ``Adapted.save`` wrote, in eval mode.

    The base is taken over: layers are wrapped in place, and full weights overwrite its own.

    Raises:
        InputError: The folder holds no adapter.
    """
    folder = Path(folder)
    parts = loading_order(folder)
    if (folder / "adapter_config.json").is_file():
        model = _load_peft(model, folder, "default")
    elif parts:
        for part in parts:
            _load_peft(model, part, part.name)
            forget_configs(model)
        activate_all(model)
    elif (folder / "model.safetensors").is_file():
        _load_weights(model, folder / "model.safetensors")
    elif not (folder / NOTHING).is_file():
        raise InputError(f"{folder}: no adapter here; expected what a trial's save wrote")
    hold_batch_norm(model)
    return model.eval()


def _method(method: AnyMethod) -> Method:
    chosen: Method = METHODS.load(method.kind)
    return chosen


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw from this seed within, and leave the global random state as it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def _load_peft(model: nn.Module, folder: Path, adapter: str) -> nn.Module:
    from peft import PeftModel

    import autopeft.methods.bottleneck_adapters  # noqa: F401  (PEFT learns our adapters' type)

    with between_libraries():
        loaded: nn.Module = PeftModel.from_pretrained(model, folder, adapter_name=adapter)
    return loaded


def _load_weights(model: nn.Module, path: Path) -> None:
    from safetensors.torch import load_model

    load_model(model, path)
