"""The project's own bases before they have learnt anything: sizes, tokenizer, feature extractor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import nn
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, PreTrainedTokenizerFast

from autopeft.data.procedural import CAPTIONS, CLIP_SAMPLES, SAMPLE_RATE_HZ

TEMPLATES: Final = (
    "{}",
    "a {}",
    "the sound of a {}",
    "this is a sound of {}",
    "this is a {}",
    "an audio recording of a {}",
)
# Not in the captions, but one can ask for them after adaptation (spoken languages).
_FURTHER_WORDS: Final = "voice speaking italian english spanish french russian language clip"
_SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>")


@dataclass(frozen=True)
class Size:
    """How wide a base is; depths and everything else are alike.

    Attributes:
        text: Width of the text tower; its feed-forward part is twice as wide.
        text_heads: Attention heads of the text tower.
        patch: Width of the audio tower's first stage; the second is twice as wide.
        audio_heads: Attention heads of both stages.
        projection: Width of the space both towers share.
    """

    text: int
    text_heads: int
    patch: int
    audio_heads: tuple[int, int]
    projection: int


SIZES: Final[Mapping[str, Size]] = MappingProxyType(
    {
        "tiny-clap": Size(64, 4, 48, (3, 6), 64),
        "small-clap": Size(112, 4, 84, (3, 6), 112),
    }
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return a word tokenizer that knows every caption and template; the rest is ``<unk>``."""
    text = " ".join((*CAPTIONS, *TEMPLATES, _FURTHER_WORDS)).replace("-", " ").replace("{}", " ")
    words = [*_SPECIAL, *dict.fromkeys(text.split())]
    tokenizer = Tokenizer(
        WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[^\p{L}\p{N}]+"), "removed")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=24,
        model_input_names=["input_ids", "attention_mask"],
    )


def build_feature_extractor() -> ClapFeatureExtractor:
    """Return log-mel features of one second: 126 frames of 8 ms by 32 mel bins.

    HTSAT folds time into frequency: it stretches up to 128 frames (spec_size**2 / bins) to 128,
    and refuses more.
    """
    return ClapFeatureExtractor(
        feature_size=32,
        sampling_rate=SAMPLE_RATE_HZ,
        hop_length=64,
        max_length_s=CLIP_SAMPLES // SAMPLE_RATE_HZ,
        fft_window_size=256,
        frequency_min=0,
        frequency_max=SAMPLE_RATE_HZ // 2,
        truncation="rand_trunc",
        padding="repeatpad",
    )


def save_full_size(folder: Path, *, seed: int = 0) -> None:
    """Write an untrained base as large as ``laion/clap-htsat-unfused``, for what sizes cost.

    153 million parameters and ten seconds at 48 kHz, 1001 frames by 64 mel bins; with the tokenizer
    of this project, since the Hub's is not always in reach.
    """
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    ClapModel(ClapConfig(projection_dim=512)).eval().save_pretrained(folder)
    ClapFeatureExtractor(
        truncation="rand_trunc", padding="repeatpad", frequency_min=50, frequency_max=14_000
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def build_model(vocabulary: int, size: str = "tiny-clap") -> ClapModel:
    """Return the untrained model of a size, from torch's current random state."""
    width = SIZES[size]
    text = {
        "vocab_size": vocabulary,
        "hidden_size": width.text,
        "num_hidden_layers": 2,
        "num_attention_heads": width.text_heads,
        "intermediate_size": 2 * width.text,
        "max_position_embeddings": 32,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    audio = {
        "window_size": 4,
        "num_mel_bins": 32,
        "spec_size": 64,
        "patch_size": 8,
        "patch_stride": [8, 8],
        "hidden_size": 2 * width.patch,
        "patch_embeds_hidden_size": width.patch,
        "depths": [2, 2],
        "num_attention_heads": list(width.audio_heads),
        "num_hidden_layers": 2,
        "mlp_ratio": 2.0,
        "hidden_dropout_prob": 0.0,
    }
    config = ClapConfig(text_config=text, audio_config=audio, projection_dim=width.projection)
    model = ClapModel(config)
    # Words that no caption uses keep their first values; at the usual 0.02 they would all look
    # alike beside the trained ones, and so would "speaking Italian" and "speaking French".
    nn.init.normal_(model.text_model.embeddings.word_embeddings.weight, std=0.2)
    return model
