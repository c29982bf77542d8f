"""What every method shares that is one PEFT configuration on named modules of the base."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from autopeft.methods.base import Attachment, Traits, Wrapper


@dataclass(frozen=True)
class PeftMethod:
    """A method told by three functions; the rest is the same for all.

    Attributes:
        targets: Model, record -> the full names of the modules it attaches to. Raises
            InvalidConfiguration if it cannot.
        config: Names, record, seed -> the ``PeftConfig``.
        per_module: Name, module, record -> the parameters trained there. Raises
            InvalidConfiguration if the record does not fit the module.
        flags: What the method can do.
    """

    targets: Callable[[nn.Module, Any], tuple[str, ...]]
    config: Callable[[tuple[str, ...], Any, int], Any]
    per_module: Callable[[str, Any, Any], int]
    flags: Traits = field(default_factory=Traits)

    def traits(self, method: Any) -> Traits:
        """Return what this method can do."""
        return self.flags

    def count(self, model: nn.Module, method: Any) -> int:
        """Return how many parameters would be trained; raises if the record does not fit."""
        return sum(
            self.per_module(name, model.get_submodule(name), method)
            for name in self.targets(model, method)
        )

    def attach(self, model: nn.Module, method: Any, *, seed: int) -> Attachment:
        """Attach one adapter to the model in place."""
        self.count(model, method)
        targets = self.targets(model, method)
        wrapper = self.wrap(model, method, targets=targets, seed=seed, adapter="default")
        return Attachment(wrapper.peft_model, (wrapper,))

    def wrap(
        self, model: nn.Module, method: Any, *, targets: tuple[str, ...], seed: int, adapter: str
    ) -> Wrapper:
        """Attach one adapter under a name of its own; others may be on the model already."""
        from peft import PeftModel

        config = self.config(targets, method, seed)
        config.base_model_name_or_path = getattr(model, "name_or_path", None)
        with between_libraries():
            return Wrapper(adapter, PeftModel(model, config, adapter), method.learning_rate)


@contextmanager
def between_libraries() -> Iterator[None]:
    """Keep from the user what PEFT 0.21 and transformers 5.23 have to say to each other.

    The first is PEFT reading an attribute that transformers renamed, the second PEFT's LN tuning
    surprised by a layer norm.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        warnings.filterwarnings("ignore", message="Unsupported layer type .*LayerNorm")
        yield
