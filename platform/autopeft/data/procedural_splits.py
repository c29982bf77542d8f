"""Procedural clips in splits; each split is a random stream of its own.

Shapes: N clips, C captions.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from autopeft.core.errors import DataError
from autopeft.core.seeds import derive_seed
from autopeft.data import procedural
from autopeft.data.clips import Clips, ClipSet, Waveform
from autopeft.spec.data import Conditions, ProceduralData


def open_procedural(data: ProceduralData, *, sample_rate_hz: int) -> ClipSet:
    """Return the domain's clips in three splits and clean ones as ``source``.

    Raises:
        InputError: There is no such domain.
        DataError: A split would be empty.
    """
    train = round(data.clips * data.split.train)
    validation = round(data.clips * data.split.validation)
    counts = {"train": train, "validation": validation, "test": data.clips - train - validation}
    empty = [split for split, count in counts.items() if count < 1]
    if empty:
        raise DataError(f"data.clips {data.clips} leaves no clip for {', '.join(empty)}")
    domain: str | Conditions = data.conditions or data.domain
    procedural.conditions_of(domain)  # it says what is known
    domains: dict[str, str | Conditions] = dict.fromkeys(counts, domain) | {"source": "clean"}
    counts["source"] = data.source_clips
    names = {split: said(data, split) for split in counts}
    return ClipSet(
        captions=procedural.CAPTIONS,
        splits={
            split: _stream(
                split, count, domain=domains[split], names_C=names[split], data=data,
                rate=sample_rate_hz,
            )
            for split, count in counts.items()
            if count
        },
        sample_rate_hz=sample_rate_hz,
    )  # fmt: skip


def said(data: ProceduralData, split: str) -> NDArray[np.int64]:
    """Return which caption (C,) each of the sounds is given in a split.

    ``data.renamed`` of the captions, at least two of them if any, change places in a circle.
    """
    names_C = np.arange(len(procedural.CAPTIONS), dtype=np.int64)
    count = round(data.renamed * len(names_C))
    if split != "source" and count:
        rng = np.random.default_rng(derive_seed(data.seed, "renamed"))
        chosen = rng.permutation(names_C)[: max(count, 2)]
        names_C[chosen] = np.roll(chosen, 1)
    return names_C


def _stream(
    split: str, count: int, *, domain: str | Conditions, names_C: NDArray[np.int64],
    data: ProceduralData, rate: int,
) -> Clips:  # fmt: skip
    """Return one split; a waveform is made when it is read, the captions are known at once."""
    seed, word = data.seed, procedural.word_of(domain)
    conditions = procedural.conditions_of(domain)
    sounds_N = caption_order(count, domain=domain, seed=seed, stream=split)

    def read(index: int) -> Waveform:
        rng = procedural._generator(seed, word, split, "clip", index)
        wave_S = procedural.make_clip(int(sounds_N[index]), domain=conditions, rng=rng)
        if rate == procedural.SAMPLE_RATE_HZ:
            return wave_S
        return np.asarray(soxr.resample(wave_S, procedural.SAMPLE_RATE_HZ, rate), np.float32)

    # The source text is part of the key: other formulas, other sounds.
    code = hashlib.blake2b(Path(procedural.__file__).read_bytes(), digest_size=8).hexdigest()
    heard = conditions.model_dump_json()
    captions_N = names_C[sounds_N]
    if split == "train":
        captions_N = _with_wrong_ones(captions_N, share=data.wrong_captions, seed=seed)
    name = domain if isinstance(domain, str) else "own"
    return Clips(
        names=tuple(f"{name}/{split}/{index}" for index in range(count)),
        caption_indices=captions_N,
        read=read,
        fingerprint=f"procedural {code} {name} {heard} {seed} {split} {count} {rate}",
    )


def caption_order(
    count: int, *, domain: str | Conditions, seed: int, stream: str
) -> NDArray[np.int64]:
    """Return the captions (N,) that ``make_clips`` would give, without making a sound."""
    size, word = len(procedural.CAPTIONS), procedural.word_of(domain)
    rounds = [
        procedural._generator(seed, word, stream, "order", block).permutation(size)
        for block in range(-(-count // size))
    ]
    return np.concatenate([*rounds, np.empty(0, np.int64)])[:count].astype(np.int64)


def _with_wrong_ones(
    captions_N: NDArray[np.int64], *, share: float, seed: int
) -> NDArray[np.int64]:
    """Return the captions (N,), a share of them moved on to any other caption."""
    rng = np.random.default_rng(derive_seed(seed, "wrong captions"))
    is_wrong_N = rng.permutation(len(captions_N)) < round(share * len(captions_N))
    size = len(procedural.CAPTIONS)
    other_N = (captions_N + rng.integers(1, size, len(captions_N))) % size
    return np.where(is_wrong_N, other_N, captions_N)
