"""Captioned clips: what every source of data hands to a task.

Shapes: N clips, S samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Waveform: TypeAlias = NDArray[np.float32]

# `source` measures what adaptation forgets; not every data set has one.
SPLITS: Final = ("train", "validation", "test", "source")


@dataclass(frozen=True)
class Clips:
    """The clips of one split.

    Attributes:
        names: What to call each clip in a message; unique over all splits.
        caption_indices: Index (N,) into the captions of the clip set.
        read: From a clip's place to its waveform (S,), mono, at the clip set's rate.
        fingerprint: Of everything that decides the waveforms and their order; a cache key.
    """

    names: tuple[str, ...]
    caption_indices: NDArray[np.int64]
    read: Callable[[int], Waveform]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class ClipSet:
    """All splits of one data set and its caption bank: each caption once.

    Attributes:
        captions: The caption bank.
        splits: By name, in the order of ``SPLITS``; ``train``, ``validation`` and ``test`` always.
        sample_rate_hz: Of every waveform.
    """

    captions: tuple[str, ...]
    splits: Mapping[str, Clips]
    sample_rate_hz: int
