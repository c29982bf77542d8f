"""A folder of sound files with their captions in a CSV."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autopeft.core.errors import DataError
from autopeft.data.audio_files import read_clip
from autopeft.data.captions_csv import SPLIT_NAMES, Row, read_captions
from autopeft.data.clips import Clips, ClipSet
from autopeft.data.splitting import assign_splits, choose_clips
from autopeft.spec.data import FolderData


def open_folder(data: FolderData, *, sample_rate_hz: int) -> ClipSet:
    """Return the folder's clips, split by the CSV or by the seed; files are read when asked for.

    Raises:
        DataError: With every problem of the CSV at once, or that the clips are too few.
    """
    table = Path(data.path).expanduser() / data.captions
    rows = _limited(read_captions(table), data)
    captions = tuple(sorted({row.caption for row in rows}))
    if len(captions) < 2:
        raise DataError(
            f"{table}: every clip has the caption {captions[0]!r}; there must be at least two to "
            f"tell apart"
        )
    return ClipSet(
        captions=captions,
        splits={
            name: _clips(rows_of_split, captions, table.parent, sample_rate_hz)
            for name, rows_of_split in _split(rows, data, table).items()
        },
        sample_rate_hz=sample_rate_hz,
    )


def _limited(rows: list[Row], data: FolderData) -> list[Row]:
    """Return at most ``data.clips`` rows."""
    if data.clips is None:
        return rows
    if data.clips > len(rows):
        warnings.warn(f"data.clips is {data.clips}, but there are only {len(rows)}", stacklevel=3)
    cells = [(row.caption, row.split) for row in rows]
    return [rows[place] for place in choose_clips(cells, data.clips, seed=data.seed)]


def _split(rows: Sequence[Row], data: FolderData, table: Path) -> dict[str, list[Row]]:
    """Return the rows by split, as the CSV says or else by the seed."""
    names = [row.split for row in rows]
    if not any(names):
        # A clip without a group is a group of its own; NUL keeps it apart from real names.
        groups = [row.group or f"\0{row.file}" for row in rows]
        captions = [row.caption for row in rows]
        try:
            places = assign_splits(captions, groups, shares=data.split, seed=data.seed)
        except DataError as error:
            raise DataError(f"{table}: {error}") from error
        names = [SPLIT_NAMES[place] for place in places]
    sizes = Counter(names)
    if empty := [name for name in SPLIT_NAMES if not sizes[name]]:
        raise DataError(f"{table}: no clip in {' and '.join(empty)} (column split)")
    return {
        split: [row for row, name in zip(rows, names, strict=True) if name == split]
        for split in SPLIT_NAMES
    }


def _clips(rows: Sequence[Row], captions: Sequence[str], folder: Path, rate: int) -> Clips:
    index = {caption: place for place, caption in enumerate(captions)}
    paths = [folder / row.file for row in rows]
    return Clips(
        names=tuple(row.file for row in rows),
        caption_indices=np.array([index[row.caption] for row in rows]),
        read=lambda place: read_clip(paths[place], sample_rate_hz=rate),
        fingerprint=_fingerprint(paths, rows, rate),
    )


def _fingerprint(paths: Sequence[Path], rows: Sequence[Row], rate: int) -> str:
    """Return a hash of names, sizes and times: the sounds need not be read to find their features.

    Captions are not part of it; correcting one costs no new features.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path, row in zip(paths, rows, strict=True):
        state = path.stat()
        digest.update(f"{row.file}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return f"folder {digest.hexdigest()} {rate}"
