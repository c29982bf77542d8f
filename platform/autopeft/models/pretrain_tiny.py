"""Make a shipped base: ``python -m autopeft.models.pretrain_tiny --out DIR --seed 0``.

A ``ClapModel`` of 305 thousand parameters (``--size small-clap``: of 916 thousand) learns 28
procedural captions on clean sounds. It is the same class, with the same inputs and module names, as
``laion/clap-htsat-unfused``, so what runs on it runs on the large one.

Shapes: N clips, B batch, C captions, T frames, M mel bins.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from autopeft.core.places import write_json, write_text
from autopeft.data.procedural import CAPTIONS, DOMAINS, SAMPLE_RATE_HZ, make_clips
from autopeft.models.untrained import (
    SIZES,
    TEMPLATES,
    build_feature_extractor,
    build_model,
    build_tokenizer,
)


@dataclass(frozen=True)
class Recipe:
    """The constants of the pre-training.

    Attributes:
        clips: Clean clips to learn from; each is rolled in time anew whenever it is drawn.
        steps: Optimiser steps.
        batch_size: Clips per step; 84 is three rounds of captions.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: Of AdamW.
        held_out: Clips for each score.
    """

    clips: int = 2800
    steps: int = 600
    batch_size: int = 84
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    held_out: int = 1120


def extract(extractor: Any, waves_NS: NDArray[np.float32]) -> Tensor:
    """Return the features (N, 1, T, M) of the waves."""
    inputs = extractor(list(waves_NS), sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
    return torch.as_tensor(inputs["input_features"], dtype=torch.float32)


def embed_captions(model: Any, tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Return the unit embeddings (C, D) of the texts."""
    tokens = tokenizer(list(texts), padding=True, return_tensors="pt")
    return torch.as_tensor(model.get_text_features(**tokens).pooler_output)


@torch.no_grad()
def zero_shot_accuracy(
    model: Any,
    tokenizer: Any,
    features_N: Tensor,
    captions_N: NDArray[np.int64],
    *,
    template: str = "{}",
) -> float:
    """Return the share of clips whose nearest of the 28 captions is their own."""
    texts_C = embed_captions(model, tokenizer, [template.format(text) for text in CAPTIONS])
    sounds_N = torch.cat(
        [model.get_audio_features(part).pooler_output for part in torch.split(features_N, 280)]
    )
    chosen_N = (sounds_N @ texts_C.T).argmax(dim=1)
    return float((chosen_N == torch.from_numpy(captions_N)).float().mean())


def pretrain(model: Any, tokenizer: Any, extractor: Any, *, recipe: Recipe, seed: int) -> None:
    """Train the model on clean clips against the bank of captions; it ends in eval mode."""
    waves_NS, captions = make_clips(recipe.clips, domain="clean", seed=seed, stream="pretrain")
    features_N, captions_N = extract(extractor, waves_NS), torch.from_numpy(captions)
    _fix_batch_norm(model, features_N)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps
    )
    random = torch.Generator().manual_seed(seed)
    for step in range(recipe.steps):
        chosen_B = torch.randint(recipe.clips, (recipe.batch_size,), generator=random)
        templates_C = torch.randint(len(TEMPLATES), (len(CAPTIONS),), generator=random).tolist()
        texts = [TEMPLATES[t].format(text) for t, text in zip(templates_C, CAPTIONS, strict=True)]
        rolled_B = _roll_in_time(features_N[chosen_B], random)
        sounds_B = model.get_audio_features(rolled_B).pooler_output
        texts_C = embed_captions(model, tokenizer, texts)
        logits_BC = sounds_B @ texts_C.T * model.logit_scale_a.exp()
        loss = nn.functional.cross_entropy(logits_BC, captions_N[chosen_B])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            print(f"step {step + 1}/{recipe.steps}  loss {loss.item():.3f}", file=sys.stderr)
    with torch.no_grad():  # learnt in one direction only; the other one is the same similarity
        model.logit_scale_t.copy_(model.logit_scale_a)


def _fix_batch_norm(model: Any, features_N: Tensor) -> None:
    """Set the running statistics to those of the data, and leave the model in eval mode.

    Adaptation keeps BatchNorm in eval mode (PEFT does not save statistics that moved: peft
    #1732), so pre-training uses the very same, exact, statistics.
    """
    norm = model.audio_model.audio_encoder.batch_norm
    norm.running_mean.copy_(features_N.mean(dim=(0, 1, 2)))
    norm.running_var.copy_(features_N.var(dim=(0, 1, 2)))
    model.eval()


def _roll_in_time(features_B: Tensor, random: torch.Generator) -> Tensor:
    """Return the clips (B, 1, T, M), each rolled by a number of frames of its own."""
    batch, _, frames, bins = features_B.shape
    shifts_B = torch.randint(frames, (batch, 1), generator=random)
    places_BT = (torch.arange(frames) + shifts_B) % frames
    return features_B.gather(2, places_BT[:, None, :, None].expand(-1, 1, -1, bins))


def score(model: Any, tokenizer: Any, extractor: Any, *, count: int, seed: int) -> dict[str, float]:
    """Return the zero-shot accuracy on held-out clips of every domain."""
    scores = {}
    for domain in DOMAINS:
        waves_NS, captions_N = make_clips(count, domain=domain, seed=seed, stream="held-out")
        features_N = extract(extractor, waves_NS)
        scores[domain] = round(zero_shot_accuracy(model, tokenizer, features_N, captions_N), 4)
    return scores


def main(arguments: Sequence[str] | None = None) -> None:
    """Pre-train, score and write the base folder."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.models.pretrain_tiny")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", choices=SIZES, default="tiny-clap")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    given = parser.parse_args(arguments)
    recipe = Recipe(steps=given.steps)

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(given.seed)
    tokenizer, extractor = build_tokenizer(), build_feature_extractor()
    model = build_model(len(tokenizer), given.size)
    began = time.process_time()
    pretrain(model, tokenizer, extractor, recipe=recipe, seed=given.seed)
    seconds = time.process_time() - began
    scores = score(model, tokenizer, extractor, count=recipe.held_out, seed=given.seed)
    print(f"{seconds:.0f} CPU-s  {scores}", file=sys.stderr)
    for part in (model, tokenizer, extractor):
        part.save_pretrained(given.out)
    facts = {
        "size": given.size,
        "seed": given.seed,
        "recipe": vars(recipe),
        "parameters": sum(p.numel() for p in model.parameters()),
        "zero_shot_accuracy": scores,
        "minutes": round(seconds / 60, 1),
        "torch": torch.__version__,
    }
    write_json(given.out / "scores.json", facts)
    write_text(given.out / "README.md", _card(facts))
    for file in given.out.iterdir():
        file.chmod(0o644)  # safetensors writes 0600, which others on a shared machine cannot read


def _card(facts: dict[str, Any]) -> str:
    """Return the model card."""
    options = f"--size {facts['size']} --out DIR --seed {facts['seed']}"
    made = f"python -m autopeft.models.pretrain_tiny {options}"
    recipe = facts["recipe"]
    rows = "\n".join(
        f"| {name} | {value:.3f} |" for name, value in facts["zero_shot_accuracy"].items()
    )
    return f"""---
license: apache-2.0
library_name: transformers
tags: [audio, clap, zero-shot-audio-classification, synthetic]
---

# autopeft/{facts["size"]}

A `ClapModel` of {facts["parameters"]:,} parameters that tells {len(CAPTIONS)} synthetic sounds
apart by their captions. It exists so that a search runs anywhere, offline, in seconds per trial.
It knows nothing about real recordings: use it to try a search, not to judge a method.

- **Made by** `{made}`
  ({facts["minutes"]:.0f} minutes of one CPU thread; torch {facts["torch"]}; the same seed gives
  the same scores).
- **Data**: {recipe["clips"]:,} clean clips from `autopeft.data.procedural`, one second at 8 kHz,
  computed from formulas; no recording and no third-party data was used.
- **Training**: {recipe["steps"]} steps of {recipe["batch_size"]} clips, AdamW, one cycle to
  {recipe["learning_rate"]}, cross-entropy against the bank of captions under random prompt
  templates, clips rolled in time. BatchNorm uses the exact statistics of the data throughout.
- **Input**: 8 kHz mono, one second; 126 frames by 32 mel bins. Longer clips are cropped at random.
- **Words**: the captions' own, a few general ones, and `a voice speaking Italian` (English,
  Spanish, French, Russian), which are in the vocabulary but untrained. Others become `<unk>`.

Zero-shot accuracy on {recipe["held_out"]:,} held-out clips per domain
(chance {1 / len(CAPTIONS):.3f}); the severity of `workshop` was chosen so that there is room
to adapt:

| domain | accuracy |
| --- | --- |
{rows}

Licence: Apache-2.0.
"""


if __name__ == "__main__":
    main()
