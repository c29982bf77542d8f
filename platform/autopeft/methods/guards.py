"""What would go wrong without a word, made loud: dead adapters, moving norms, ranks too high."""

from __future__ import annotations

from types import MethodType

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autopeft.core.errors import DeadAdapter, InvalidConfiguration


def hold_batch_norm(model: nn.Module) -> None:
    """Put every BatchNorm in eval mode, and keep it there whatever ``train()`` is called.

    Otherwise CLAP's running statistics move during training; PEFT does not save them and the
    reloaded adapter scores differently (0.507 against 0.413 measured; peft #1732).
    """
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.train = MethodType(_stay_in_eval, module)  # type: ignore[method-assign]
            module.eval()


def release_batch_norm(model: nn.Module) -> None:
    """Undo ``hold_batch_norm``."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            vars(module).pop("train", None)


def _stay_in_eval(norm: nn.Module, mode: bool = True) -> nn.Module:
    return type(norm).train(norm, False)


def check_gradients(model: nn.Module) -> None:
    """Raise if an adapter would learn nothing; to be called after the first backward pass.

    Where the whole base trains, weights without a gradient are the base's own affair (a scale the
    loss does not use), so only a model without any gradient is refused.

    Raises:
        DeadAdapter: Trainable tensors got no gradient (transformers 5.23 hands WavLM's attention
            weights past the adapters; huggingface/transformers PR #48773).
    """
    parameters = dict(model.named_parameters())
    trainable = {name: p for name, p in parameters.items() if p.requires_grad}
    dead = [name for name, p in trainable.items() if p.grad is None]
    some_are_fine = len(trainable) == len(parameters) and len(dead) < len(trainable)
    if dead and not some_are_fine:
        raise DeadAdapter([name.removeprefix("base_model.model.") for name in dead])


def check_rank(rank: int, *, name: str, module: nn.Linear, word: str = "rank") -> None:
    """Raise if a low-rank product would have more than full rank on this module.

    PiSSA clips such a rank without a word, so two configurations would be the same model; the
    others would train weights that add nothing.

    Raises:
        InvalidConfiguration: The rank is above the module's smaller width.
    """
    width = min(module.in_features, module.out_features)
    if rank > width:
        raise InvalidConfiguration(
            f"method.{word}: {word} {rank} is above the width {width} of module {name}; "
            f"at most {width}"
        )


def check_on(size: int, *, word: str) -> None:
    """Raise if an adapter that stands alone is off.

    Raises:
        InvalidConfiguration: The size is 0, which only ``parts`` understands.
    """
    if size == 0:
        raise InvalidConfiguration(
            f"method.{word}: {word} 0 means off, which only stands within parts; at least 1"
        )
