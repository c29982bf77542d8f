"""Sound files to waveforms: mono, at one rate, or a sentence that says why not.

Shapes: S samples, A audio channels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr

from autopeft.core.errors import DataError
from autopeft.data.clips import Waveform


def read_clip(path: Path, *, sample_rate_hz: int) -> Waveform:
    """Return the file's sound (S,), its channels averaged, at the rate asked for.

    WAV, FLAC, MP3, Ogg (Vorbis, Opus) and whatever else libsndfile reads.

    Raises:
        DataError: The file is missing, unreadable or empty, or holds values that are not numbers.
    """
    try:
        wave_SA, found_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError, ValueError) as error:  # LibsndfileError is a RuntimeError
        raise DataError(f"{path}: {_why(path, error)}") from error
    if found_hz <= 0:
        raise DataError(f"{path}: its header gives a rate of {found_hz} Hz")
    if not len(wave_SA):
        raise DataError(f"{path}: no samples, the file is empty")
    # A file of 32-bit floats can hold NaN, and one would turn every score of a batch into NaN.
    if not np.isfinite(wave_SA).all():
        raise DataError(f"{path}: samples that are NaN or infinite; export it again as 16-bit PCM")
    wave_S = wave_SA.mean(axis=1, dtype=np.float32)
    if found_hz == sample_rate_hz:
        return np.asarray(wave_S)
    wave_S = np.asarray(soxr.resample(wave_S, found_hz, sample_rate_hz), dtype=np.float32)
    if not len(wave_S):
        raise DataError(f"{path}: too short for a single sample at {sample_rate_hz} Hz")
    return wave_S


def _why(path: Path, error: Exception) -> str:
    """Return what the user can do about a file that did not open."""
    if not path.exists():
        return "no such file"
    if not path.is_file():
        return "not a file"
    if path.stat().st_size == 0:
        return "an empty file, 0 bytes"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    reason = getattr(error, "error_string", str(error))
    return f"not a sound file that libsndfile reads ({reason}); convert it to WAV or FLAC"
