"""A data set in a few numbers: how much there is, how it is spread, how it sounds.

Shapes: S samples, T frames, F frequency bins.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from autopeft.data import open_data
from autopeft.data.clips import Clips, Waveform
from autopeft.spec.data import Data

# Enough for means that differ by less than the spread between clips; a second or less.
MOST_CLIPS: Final = 64
RATE_HZ: Final = 16_000
FRAME: Final = 512  # 32 ms
QUIET, LOUD = 10, 95  # percentiles of a clip's frames
FLOOR = 1e-10

_DATA: Final[TypeAdapter[Data]] = TypeAdapter(Data)


def description(data: Data) -> dict[str, float]:
    """Return what a data set's training clips are like, in numbers by name.

    How many clips and classes there are and how evenly they are spread; duration; loudness;
    spectral centroid and flatness; and the ratio of loud frames to quiet ones, which for a sound
    over steady noise is the signal-to-noise ratio.

    Raises:
        DataError: The data cannot be used.
    """
    return dict(_described(_DATA.dump_json(data).decode()))


@lru_cache(maxsize=64)
def _described(data: str) -> tuple[tuple[str, float], ...]:
    clip_set = open_data(_DATA.validate_json(data), sample_rate_hz=RATE_HZ)
    clips = clip_set.splits["train"]
    counts = np.bincount(clips.caption_indices, minlength=1)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    classes = len(shares)
    evenness = float(-(shares * np.log(shares)).sum() / np.log(classes)) if classes > 1 else 1.0
    found = {"train clips": float(len(clips)), "classes": float(classes), "evenness": evenness}
    heard = [heard_in(waveform) for waveform in _some(clips)]
    for name in heard[0] if heard else ():
        values = [one[name] for one in heard]
        found[name] = float(np.mean(values))
        found[f"{name} spread"] = float(np.std(values))
    return tuple(found.items())


def _some(clips: Clips) -> list[Waveform]:
    """Return at most ``MOST_CLIPS`` waveforms, evenly chosen."""
    every = -(-len(clips) // MOST_CLIPS)
    return [clips.read(index) for index in range(0, len(clips), max(every, 1))]


def heard_in(waveform_S: Waveform) -> dict[str, float]:
    """Return what one clip sounds like.

    ``seconds``; ``level_db`` below full scale; ``centroid_octaves`` above 1 Hz; ``flatness``, 1 for
    white noise and 0 for a tone; ``snr_db``, loud frames over quiet ones.
    """
    power_TF = _power(np.asarray(waveform_S, dtype=float))
    energy_T = power_TF.mean(axis=1)
    quiet, loud = np.percentile(energy_T, [QUIET, LOUD])
    spectrum_F = power_TF.mean(axis=0) + FLOOR
    hertz_F = np.fft.rfftfreq(FRAME, 1 / RATE_HZ)
    centroid = float((hertz_F * spectrum_F).sum() / spectrum_F.sum())
    return {
        "seconds": len(waveform_S) / RATE_HZ,
        "level_db": float(10 * np.log10(np.mean(np.square(waveform_S, dtype=float)) + FLOOR)),
        "centroid_octaves": float(np.log2(max(centroid, 1.0))),
        "flatness": float(np.exp(np.log(spectrum_F).mean()) / spectrum_F.mean()),
        "snr_db": float(10 * np.log10((loud + FLOOR) / (quiet + FLOOR))),
    }


def _power(waveform_S: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the power (T, F) of frames without overlap; a short clip is filled with zeros."""
    count = max(-(-len(waveform_S) // FRAME), 1)
    padded = np.zeros(count * FRAME)
    padded[: len(waveform_S)] = waveform_S
    frames_TS = padded.reshape(count, FRAME) * np.hanning(FRAME)
    power: NDArray[np.float64] = np.abs(np.fft.rfft(frames_TS, axis=1)) ** 2 / FRAME
    return power
