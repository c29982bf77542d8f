"""Methods without an adapter: the projections alone, every weight, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from autopeft.methods.base import Attachment, Traits
from autopeft.methods.peft_method import PeftMethod
from autopeft.models.roles import resolve


def _projections(model: nn.Module, method: Any) -> tuple[str, ...]:
    return resolve(model, "projection")


def _config(targets: tuple[str, ...], method: Any, seed: int) -> Any:
    """Return a LoRA that adapts nothing and saves trained copies of the projections.

    An empty ``target_modules`` is refused by PEFT; its own word for none is this constant.
    """
    from peft import LoraConfig
    from peft.utils.constants import DUMMY_TARGET_MODULES

    return LoraConfig(target_modules=DUMMY_TARGET_MODULES, modules_to_save=[*targets])


def _per_module(name: str, module: nn.Linear, method: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@dataclass(frozen=True)
class _Full:
    """Train every weight, on a copy of the base."""

    def traits(self, method: Any) -> Traits:
        return Traits(writes_base=True, is_peft=False, layout="weights")

    def count(self, model: nn.Module, method: Any) -> int:
        return sum(parameter.numel() for parameter in model.parameters())

    def attach(self, model: nn.Module, method: Any, *, seed: int) -> Attachment:
        return Attachment(model.requires_grad_(True), learning_rate=method.learning_rate)


@dataclass(frozen=True)
class _ZeroShot:
    """Train nothing."""

    def traits(self, method: Any) -> Traits:
        return Traits(is_peft=False, trains=False, layout="nothing")

    def count(self, model: nn.Module, method: Any) -> int:
        return 0

    def attach(self, model: nn.Module, method: Any, *, seed: int) -> Attachment:
        return Attachment(model.requires_grad_(False))


HEAD = PeftMethod(_projections, _config, _per_module)
FULL = _Full()
ZERO_SHOT = _ZeroShot()
