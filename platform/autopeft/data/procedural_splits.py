"""Procedural clips in splits; each split is a random stream of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from autopeft.core.errors import DataError
from autopeft.data import procedural
from autopeft.data.clips import Clips, ClipSet, Waveform
from autopeft.spec.data import ProceduralData


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
    if data.domain not in procedural.DOMAINS:
        procedural.make_clips(0, domain=data.domain, seed=0, stream="")  # it says what is known
    domains = dict.fromkeys(counts, data.domain) | {"source": "clean"}
    counts["source"] = data.source_clips
    return ClipSet(
        captions=procedural.CAPTIONS,
        splits={
            split: _stream(split, count, domain=domains[split], seed=data.seed, rate=sample_rate_hz)
            for split, count in counts.items()
            if count
        },
        sample_rate_hz=sample_rate_hz,
    )


def _stream(split: str, count: int, *, domain: str, seed: int, rate: int) -> Clips:
    """Return one split; a waveform is made when it is read, the captions are known at once."""
    captions_N = caption_order(count, domain=domain, seed=seed, stream=split)

    def read(index: int) -> Waveform:
        rng = procedural._generator(seed, domain, split, "clip", index)
        conditions = procedural.DOMAINS[domain]
        wave_S = procedural.make_clip(int(captions_N[index]), domain=conditions, rng=rng)
        if rate == procedural.SAMPLE_RATE_HZ:
            return wave_S
        return np.asarray(soxr.resample(wave_S, procedural.SAMPLE_RATE_HZ, rate), np.float32)

    # The source text is part of the key: other formulas, other sounds.
    code = hashlib.blake2b(Path(procedural.__file__).read_bytes(), digest_size=8).hexdigest()
    return Clips(
        names=tuple(f"{domain}/{split}/{index}" for index in range(count)),
        caption_indices=captions_N,
        read=read,
        fingerprint=f"procedural {code} {domain} {seed} {split} {count} {rate}",
    )


def caption_order(count: int, *, domain: str, seed: int, stream: str) -> NDArray[np.int64]:
    """Return the captions (N,) that ``make_clips`` would give, without making a sound."""
    size = len(procedural.CAPTIONS)
    rounds = [
        procedural._generator(seed, domain, stream, "order", block).permutation(size)
        for block in range(-(-count // size))
    ]
    return np.concatenate([*rounds, np.empty(0, np.int64)])[:count].astype(np.int64)
