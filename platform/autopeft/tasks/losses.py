"""Contrastive losses where several clips may share a caption.

Shapes: B clips with their captions, D embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def info_nce(
    audio_BD: Tensor, text_BD: Tensor, captions_B: Tensor, *, scale_a: Tensor, scale_t: Tensor
) -> Tensor:
    """Return the mean of audio-to-text and text-to-audio InfoNCE over the batch.

    Each clip has its own caption as the positive; other clips with an equal caption are neither
    positives nor negatives, they are left out of the sum.

    Not the loss of ``ClapModel(return_loss=True)``: transformers 5.23 transposes
    ``logits_per_audio`` before the cross-entropy, so that both of its terms ask from text to audio.

    Args:
        audio_BD: Unit vectors of the clips.
        text_BD: Unit vectors of their captions, in the same order.
        captions_B: Which captions are equal.
        scale_a: Factor of the cosines when clips ask for captions.
        scale_t: Factor when captions ask for clips.
    """
    cosines_BB = audio_BD @ text_BD.T
    itself_BB = torch.eye(len(captions_B), dtype=torch.bool, device=captions_B.device)
    twins_BB = (captions_B[:, None] == captions_B[None, :]) & ~itself_BB
    own_B = torch.arange(len(captions_B), device=captions_B.device)
    audio_asks = cross_entropy((scale_a * cosines_BB).masked_fill(twins_BB, -torch.inf), own_B)
    text_asks = cross_entropy((scale_t * cosines_BB.T).masked_fill(twins_BB, -torch.inf), own_B)
    return (audio_asks + text_asks) / 2
