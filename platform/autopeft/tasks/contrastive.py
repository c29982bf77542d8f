"""Sounds and captions in one space: captions as classes, retrieval both ways.

Shapes: N clips, B clips of a batch, C captions of the bank, D embedding, C/T/M of a mel as in
``data.features``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import ref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from autopeft import metrics
from autopeft.core.seeds import derive_seed
from autopeft.data import SPLITS, open_data
from autopeft.data.features import Features, Progress, features
from autopeft.models import Base
from autopeft.spec.task import ContrastiveTask
from autopeft.tasks.embeddings import (
    embed_audio,
    embed_text,
    evaluating,
    logit_scale,
    text_is_frozen,
    text_tensors,
    tokenize,
    truncation,
)
from autopeft.tasks.losses import info_nce

RECALL_AT: Final = (1, 5, 10)
EVALUATION_BATCH: Final = 64


@dataclass(frozen=True)
class Batch:
    """Inputs of one step.

    Attributes:
        clips: Places (B,) in the training split.
        mels_BCTM: On the device.
        is_longer_B1: On the device.
        captions_B: Indices into the caption bank, on the device.
    """

    clips: NDArray[np.int64]
    mels_BCTM: Tensor
    is_longer_B1: Tensor
    captions_B: Tensor


class Contrastive:
    """The contrastive task on one base: features, captions, batches, loss and scores.

    Args:
        spec: What the user wrote.
        base: Gives the extractor and the tokenizer; its model is not kept.
        cache_dir: Of the features, shared by the sweep's workers; None keeps them in memory.
        device: Where batches go; the model must be there.
        progress: Called with (clips done, clips in all) while features are computed.

    Raises:
        DataError: The data cannot be used.
    """

    def __init__(
        self,
        spec: ContrastiveTask,
        base: Base,
        *,
        cache_dir: Path | None = None,
        device: str = "cpu",
        progress: Progress | None = None,
    ) -> None:
        data = open_data(spec.data, sample_rate_hz=base.sample_rate_hz)
        self.spec = spec
        self.device = torch.device(device)
        self.captions = data.captions
        self.splits = tuple(split for split in SPLITS if split in data.splits)
        self._labels = {split: data.splits[split].caption_indices for split in self.splits}
        self._features = {
            split: features(
                data.splits[split],
                base.feature_extractor,
                truncation=truncation(base.model),
                cache_dir=cache_dir,
                progress=progress,
            )
            for split in self.splits
        }
        texts = [spec.prompt.replace("{caption}", caption) for caption in self.captions]
        self._tokens = tokenize(base.tokenizer, texts, device=self.device)
        self._frozen_bank: tuple[ref[nn.Module], object, Tensor] | None = None

    def batch(self, step: int, *, batch_size: int, seed: int) -> Batch:
        """Return the clips of one step: a pure function of its arguments.

        Steps read an endless row of shuffled epochs, so that every clip is seen once per epoch and
        a batch may hold the end of one epoch and the beginning of the next.
        """
        places = np.arange(step * batch_size, (step + 1) * batch_size)
        epochs, within = np.divmod(places, len(self._labels["train"]))
        clips = np.concatenate(
            [self._epoch(epoch, seed)[within[epochs == epoch]] for epoch in np.unique(epochs)]
        )
        mels_BCTM, is_longer_B1 = self._inputs(self._features["train"], clips)
        labels = torch.from_numpy(self._labels["train"][clips])
        return Batch(clips, mels_BCTM, is_longer_B1, labels.to(self.device))

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the weighted sum of caption-bank cross-entropy and in-batch InfoNCE."""
        audio_BD = embed_audio(model, batch.mels_BCTM, batch.is_longer_B1)
        if self.spec.caption_bank_weight or text_is_frozen(model):
            bank_CD, labels_B = self._bank(model), batch.captions_B
        else:  # only the captions of this batch are needed, and all of them are costly
            used, labels_B = torch.unique(batch.captions_B, return_inverse=True)
            bank_CD = embed_text(model, {name: ids[used] for name, ids in self._tokens.items()})
        with torch.autocast(self.device.type, enabled=False):
            return self._weighted_loss(model, audio_BD, bank_CD, labels_B)

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """Return the metrics of a split; of ``source``, only ``source_accuracy``.

        Accuracy is zero-shot classification: the nearest caption of the bank. ``loss`` is the
        cross-entropy against the bank, whatever the training loss. ``audio_to_text`` ranks the
        captions of the bank for each clip, one of which is right; ``text_to_audio`` ranks the
        split's clips for each caption it has, of which all with that caption are right.

        A data set without source clips has no ``source`` metrics: the result is empty.
        """
        if split == "source" and split not in self.splits:
            return {}
        logits_NC = self.logits(model, split)
        labels_N = self._labels[split]
        accuracy = metrics.accuracy(logits_NC, labels_N)
        if split == "source":
            return {"source_accuracy": accuracy}
        relevant_NC = labels_N[:, None] == np.arange(len(self.captions))
        directions = {
            "audio_to_text": (logits_NC, relevant_NC),
            "text_to_audio": (logits_NC.T, relevant_NC.T),
        }
        scores = {
            "accuracy": accuracy,
            "accuracy_stderr": metrics.standard_error(accuracy, len(labels_N)),
            "loss": metrics.cross_entropy(logits_NC, labels_N),
        }
        for name, (similarity, relevant) in directions.items():
            for k in RECALL_AT:
                scores[f"{name}_recall_at_{k}"] = metrics.recall_at_k(similarity, relevant, k=k)
            scores[f"{name}_map_at_10"] = metrics.map_at_k(similarity, relevant, k=10)
        return scores

    def logits(self, model: nn.Module, split: str) -> NDArray[np.float32]:
        """Return the scaled similarity (N, C) of a split's clips to every caption."""
        inputs, rows = self._features[split], []
        with evaluating(model):
            # Encoded afresh: between two evaluations an adapter may have been merged or disabled.
            bank_CD = embed_text(model, self._tokens)
            for start in range(0, len(inputs), EVALUATION_BATCH):
                places = np.arange(start, min(start + EVALUATION_BATCH, len(inputs)))
                audio_BD = embed_audio(model, *self._inputs(inputs, places))
                with torch.autocast(self.device.type, enabled=False):
                    rows.append(logit_scale(model, "a") * audio_BD @ bank_CD.T)
            return torch.cat(rows).cpu().numpy()

    def _weighted_loss(
        self, model: nn.Module, audio_BD: Tensor, bank_CD: Tensor, labels_B: Tensor
    ) -> Tensor:
        terms = []
        if self.spec.caption_bank_weight:
            logits_BC = logit_scale(model, "a") * audio_BD @ bank_CD.T
            terms.append(self.spec.caption_bank_weight * cross_entropy(logits_BC, labels_B))
        if self.spec.in_batch_weight:
            loss = info_nce(
                audio_BD,
                bank_CD[labels_B],
                labels_B,
                scale_a=logit_scale(model, "a"),
                scale_t=logit_scale(model, "t"),
            )
            terms.append(self.spec.in_batch_weight * loss)
        return torch.stack(terms).sum()

    def _bank(self, model: nn.Module) -> Tensor:
        """Return the bank's embeddings (C, D); of a frozen text side, computed once."""
        if not text_is_frozen(model):
            return embed_text(model, self._tokens)
        # In-place changes, such as a merge, raise a tensor's version; the model is held weakly,
        # and compared as an object, since an id may be used again.
        state = tuple((id(tensor), tensor._version) for tensor in text_tensors(model))
        held = self._frozen_bank
        if held is None or held[0]() is not model or held[1] != state:
            with evaluating(model):
                held = (ref(model), state, embed_text(model, self._tokens))
            self._frozen_bank = held
        return held[2]

    def _epoch(self, epoch: int, seed: int) -> NDArray[np.int64]:
        rng = np.random.default_rng(derive_seed(seed, "epoch", int(epoch)))
        return rng.permutation(len(self._labels["train"]))

    def _inputs(self, inputs: Features, places: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        mels_BCTM = torch.from_numpy(np.array(inputs.mels_NCTM[places]))
        is_longer_B1 = torch.from_numpy(inputs.is_longer_N[places][:, None])
        return mels_BCTM.to(self.device), is_longer_B1.to(self.device)
