"""A trial's checkpoint: one file, written under another name and renamed."""

import os
from pathlib import Path
from typing import Any

import torch

NAME = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write ``state`` so that a reader finds the whole of it or the one before."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f".{NAME}.{os.getpid()}"
    torch.save(state, temporary)
    temporary.replace(folder / NAME)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Return the last checkpoint, or ``None`` if there is none.

    Tensors, numbers and plain containers only: ``weights_only`` refuses every other pickle.
    """
    path = folder / NAME
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
