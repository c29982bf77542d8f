"""A trial's checkpoint: one file, written under another name and renamed."""

import os
from pathlib import Path
from typing import Any

import torch

from autopeft.core.errors import RunFolderError

NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write ``state`` so that a reader finds the whole of it or the one before.

    Raises:
        RunFolderError: The disk is full or gone; the one before stays.
    """
    temporary = folder / f".{NAME}.{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Through a file of Python's: of one it opens itself, torch says "unexpected pos 704 vs
        # 598" (a RuntimeError without a cause) where this says that there is no space left.
        with temporary.open("wb") as file:
            torch.save(state, file)
        temporary.replace(folder / NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunFolderError(
            f"{folder / NAME}: cannot be written: {error.strerror}; free some space"
        ) from error


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Return the last checkpoint, or ``None`` if there is none.

    Tensors, numbers and plain containers only: ``weights_only`` refuses every other pickle.
    """
    path = folder / NAME
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
