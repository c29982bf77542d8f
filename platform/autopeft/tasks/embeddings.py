"""Sounds and texts as unit vectors of an audio-text model, adapted or not.

All access goes through ``get_audio_features``, ``get_text_features`` and attributes that a
``PeftModel`` passes through.

Shapes: B clips, C texts, D embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import BatchEncoding, PreTrainedTokenizerBase

from autopeft.data.features import Truncation


def truncation(model: nn.Module) -> Truncation:
    """Return how long clips become features: ``fusion`` for models built to fuse several views."""
    audio_config = cast(Any, model.config).audio_config
    return "fusion" if audio_config.enable_fusion else "rand_trunc"


def tokenize(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, device: torch.device
) -> dict[str, Tensor]:
    """Return token ids and attention mask (C, tokens) on the device."""
    # RoBERTa numbers its positions from padding_idx + 1; 512 is what CLAP's tokenizer states.
    tokens: BatchEncoding = tokenizer(
        list(texts), padding=True, truncation=True, return_tensors="pt"
    )
    return {
        name: tokens[name].to(device) for name in ("input_ids", "attention_mask") if name in tokens
    }


def embed_audio(model: nn.Module, mels_BCTM: Tensor, is_longer_B1: Tensor) -> Tensor:
    """Return unit vectors (B, D) in float32."""
    output = cast(Any, model).get_audio_features(input_features=mels_BCTM, is_longer=is_longer_B1)
    return _unit(output)


def embed_text(model: nn.Module, tokens: Mapping[str, Tensor]) -> Tensor:
    """Return unit vectors (C, D) in float32."""
    return _unit(cast(Any, model).get_text_features(**tokens))


def logit_scale(model: nn.Module, side: Literal["a", "t"]) -> Tensor:
    """Return the factor of cosine similarities: ``a`` where audio asks, ``t`` where text asks."""
    return cast(Tensor, getattr(model, f"logit_scale_{side}")).exp().float()


def text_side(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Return the text tower and its projection."""
    return cast(nn.Module, model.text_model), cast(nn.Module, model.text_projection)


def text_tensors(model: nn.Module) -> Iterator[Tensor]:
    """Yield the parameters and buffers that decide the text embeddings."""
    return chain.from_iterable(
        chain(module.parameters(), module.buffers()) for module in text_side(model)
    )


def text_is_frozen(model: nn.Module) -> bool:
    """Return whether training leaves every text embedding as it is."""
    return not any(tensor.requires_grad for tensor in text_tensors(model))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run without gradients and with dropout off; every module then gets its own mode back.

    Not ``model.train()`` afterwards: a frozen BatchNorm inside must stay in eval mode.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def _unit(output: Any) -> Tensor:
    """Return the pooled features as unit vectors; exact also where the model ran in bfloat16."""
    # Since transformers 5 the features come in a BaseModelOutputWithPooling, before as a tensor.
    features = getattr(output, "pooler_output", output)
    return normalize(features.float(), dim=-1)
