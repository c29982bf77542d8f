"""One base under changing adapters: as it was before, and several of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from autopeft.methods.guards import release_batch_norm


@dataclass(frozen=True)
class Untouched:
    """A base as it was before: its modules, and which of its parameters were trainable."""

    base: nn.Module
    modules: Mapping[str, nn.Module]
    required_grad: Mapping[str, bool]

    @classmethod
    def of(cls, base: nn.Module) -> Untouched:
        """Return what is needed to bring the base back."""
        required_grad = {name: p.requires_grad for name, p in base.named_parameters()}
        modules = {name: module for name, module in base.named_modules() if name}
        return cls(base, modules, required_grad)

    def restore(self) -> nn.Module:
        """Bring the base back, in eval mode and without gradients.

        PEFT's ``unload`` differs by tuner, and leaves the copies that ``modules_to_save`` trained.
        """
        for name, module in self.modules.items():  # parents stand before their children
            if self.base.get_submodule(name) is not module:
                self.base.set_submodule(name, module)
        forget_configs(self.base)
        release_batch_norm(self.base)
        for name, parameter in self.base.named_parameters():
            parameter.requires_grad_(self.required_grad[name])
            parameter.grad = None
        return self.base.eval()


def forget_configs(model: nn.Module) -> None:
    """Remove the configurations that PEFT leaves on a base; it warns if it meets them again."""
    vars(model).pop("peft_config", None)


def activate_all(model: nn.Module) -> None:
    """Make every adapter of every layer active and trainable; PEFT activates one name at a time."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            module.set_adapter(sorted(module._get_available_adapters()))
