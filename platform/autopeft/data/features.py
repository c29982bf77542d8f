"""Features by the base's own extractor: computed once for a sweep, shared by all its workers.

A clip's features are a pure function of its waveform. ``ClapFeatureExtractor`` is not: it crops
long clips at places drawn from numpy's global random state, and with ``fusion`` it declares a
random clip of every batch to be long. So clips go through it one at a time, cut to the loudest
window where it would cut at random, with that state fixed for the call and put back after it.

Shapes: N clips, C channels (1, with fusion 4), T frames, M mel bins, S samples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from autopeft.core.errors import DataError, RunFolderError
from autopeft.core.places import private_folder
from autopeft.data.clips import Clips, Waveform
from autopeft.data.problems import listed

Truncation: TypeAlias = Literal["rand_trunc", "fusion"]
Progress: TypeAlias = Callable[[int, int], None]

_FORMAT: Final = 1


@dataclass(frozen=True)
class Features:
    """Inputs of the audio tower for one split.

    Attributes:
        mels_NCTM: Log-mel spectrograms, float32; perhaps a read-only view of a file.
        is_longer_N: Which clips are longer than the window; only fusion models look at it.
    """

    mels_NCTM: NDArray[np.float32]
    is_longer_N: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.is_longer_N)


def features(
    clips: Clips,
    extractor: Any,
    *,
    truncation: Truncation,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Features:
    """Return the features of a split, from the cache if they are there.

    Args:
        clips: The split.
        extractor: The base's ``ClapFeatureExtractor``.
        truncation: ``fusion`` for a model with ``enable_fusion``, else ``rand_trunc``; the
            extractor's own word is not asked, since a wrong one fails inside the model.
        cache_dir: Where features lie by the hash of what they were made from; None keeps them in
            memory. Workers may share it: what appears there is complete.
        progress: Called with (clips done, clips in all) after each clip.

    Raises:
        DataError: Some clips cannot be read; the message names them all.
        RunFolderError: The cache cannot be written.
    """
    rows = _rows(clips, extractor, truncation=truncation, progress=progress)
    if cache_dir is None:
        mels, longer = zip(*rows, strict=True)
        return Features(np.stack(mels), np.array(longer))
    folder = cache_dir / _key(clips, extractor, truncation)
    try:
        if not folder.is_dir():
            private_folder(cache_dir)
            # The lock spares the others the work. Where a file system has no locks, both work,
            # the first to rename wins, and the result is the same.
            with _one_at_a_time(folder.with_suffix(".lock")):
                if not folder.is_dir():
                    _write(folder, rows, count=len(clips))
        mels_NCTM = np.load(folder / "mels.npy", mmap_mode="r", allow_pickle=False)
        return Features(mels_NCTM, np.load(folder / "is_longer.npy", allow_pickle=False))
    except OSError as error:
        raise RunFolderError(f"the feature cache {cache_dir} cannot be used: {error}") from error


def clip_features(
    wave_S: Waveform, extractor: Any, *, truncation: Truncation
) -> tuple[NDArray[np.float32], bool]:
    """Return one clip's features (C, T, M), and whether it is longer than the window."""
    window = int(extractor.nb_max_samples)
    if truncation == "rand_trunc":
        longer, wave_S = len(wave_S) > window, loudest_window(wave_S, window)
    else:
        # As the extractor decides: a clip that gives no more frames than the window is not longer.
        longer = len(wave_S) // extractor.hop_length > window // extractor.hop_length
    with _fixed_numpy_randomness():
        inputs = extractor(
            [wave_S],
            truncation=truncation,
            sampling_rate=extractor.sampling_rate,
            return_tensors="np",
        )
    return np.asarray(inputs["input_features"][0], dtype=np.float32), longer


def loudest_window(wave_S: Waveform, length: int) -> Waveform:
    """Return the ``length`` consecutive samples of most energy, the whole clip if it is shorter.

    Example:
        >>> loudest_window(np.array([0, 1, 2, 3, 0], np.float32), 2)
        array([2., 3.], dtype=float32)
    """
    if len(wave_S) <= length:
        return wave_S
    energy = np.concatenate(([0.0], np.cumsum(np.square(wave_S, dtype=np.float64))))
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return wave_S[start : start + length]


def _rows(
    clips: Clips, extractor: Any, *, truncation: Truncation, progress: Progress | None
) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """Yield the features clip by clip; what cannot be read is named at the end, all at once."""
    problems: list[str] = []
    for index in range(len(clips)):
        try:
            wave_S = clips.read(index)
        except DataError as error:
            problems.append(str(error))
            continue
        if not problems:
            yield clip_features(wave_S, extractor, truncation=truncation)
        if progress is not None:
            progress(index + 1, len(clips))
    if problems:
        raise DataError(listed(problems))


def _write(folder: Path, rows: Iterator[tuple[NDArray[np.float32], bool]], *, count: int) -> None:
    """Write both arrays beside ``folder`` and rename, so that a reader never sees half of them."""
    with TemporaryDirectory(dir=folder.parent, prefix=".features-") as temporary:
        draft = Path(temporary) / "done"
        draft.mkdir()
        longer: list[bool] = []
        # Written row by row and not through a memory map: on a full disk that is an OSError
        # and not a SIGBUS.
        with (draft / "mels.npy").open("wb") as file:
            for mel_CTM, is_longer in rows:
                if not longer:
                    header = {
                        "descr": np.lib.format.dtype_to_descr(mel_CTM.dtype),
                        "fortran_order": False,
                        "shape": (count, *mel_CTM.shape),
                    }
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(mel_CTM.tobytes())
                longer.append(is_longer)
        np.save(draft / "is_longer.npy", np.array(longer))
        try:
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another worker was faster
                raise


def _key(clips: Clips, extractor: Any, truncation: Truncation) -> str:
    """Return a hash of all that decides the features."""
    made_from = {
        "format": _FORMAT,
        "clips": clips.fingerprint,
        "extractor": extractor.to_dict(),
        "truncation": truncation,
        "versions": [version("transformers"), version("numpy"), version("soxr")],
    }
    text = json.dumps(made_from, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Let one process of this cache work at a time, where the file system can tell."""
    try:
        held = FileLock(lock)
        held.acquire()
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        held.release()


@contextmanager
def _fixed_numpy_randomness() -> Iterator[None]:
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)
