"""Any sounds against any prompts, for prediction after the search.

Shapes: N clips, P prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from autopeft.data.clips import Waveform
from autopeft.data.features import clip_features
from autopeft.models import Base
from autopeft.tasks.embeddings import (
    embed_audio,
    embed_text,
    evaluating,
    logit_scale,
    tokenize,
    truncation,
)

BATCH: Final = 64


def score_prompts(
    model: nn.Module, base: Base, waveforms: Sequence[Waveform], prompts: Sequence[str]
) -> NDArray[np.float32]:
    """Return the probability (N, P) of each prompt for each sound; every row sums to 1.

    The prompts are taken as they stand: a task's ``prompt`` template is the caller's to apply.

    Args:
        model: The base's model or an adapted one, on any device.
        base: Gives the feature extractor and the tokenizer.
        waveforms: Mono, at ``base.sample_rate_hz``, of any length above 0.
        prompts: What to choose from.
    """
    device = next(model.parameters()).device
    rows = [np.empty((0, len(prompts)), np.float32)]
    with evaluating(model):
        text_PD = embed_text(model, tokenize(base.tokenizer, prompts, device=device))
        for start in range(0, len(waveforms), BATCH):
            pairs = [
                clip_features(wave_S, base.feature_extractor, truncation=truncation(model))
                for wave_S in waveforms[start : start + BATCH]
            ]
            mels_BCTM = torch.from_numpy(np.stack([mel for mel, _ in pairs])).to(device)
            is_longer_B1 = torch.tensor([[longer] for _, longer in pairs], device=device)
            audio_BD = embed_audio(model, mels_BCTM, is_longer_B1)
            logits_BP = logit_scale(model, "a") * audio_BD @ text_PD.T
            rows.append(logits_BP.softmax(dim=1).cpu().numpy())
    return np.concatenate(rows)
