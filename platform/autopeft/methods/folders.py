"""The folders that adapters are kept in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

# An empty file that says that a folder without an adapter is meant so.
NOTHING: Final = "zero-shot"


def save_weights(model: Any, folder: Path) -> None:
    """Write what ``from_pretrained`` reads, without the progress bar of ``save_pretrained``."""
    from safetensors.torch import save_model

    model.config.save_pretrained(folder)
    save_model(model, str(folder / "model.safetensors"), metadata={"format": "pt"})


def save_adapter(peft_model: Any, folder: Path) -> None:
    """Write the adapter without the empty model card that PEFT adds; ``export`` writes a real one.

    ``save_embedding_layers`` is off since no adapter of ours is on an embedding, and PEFT's
    ``auto`` may ask the Hub about it.
    """
    card = folder / "README.md"
    had_card = card.exists()
    peft_model.save_pretrained(folder, save_embedding_layers=False)
    if not had_card:
        card.unlink(missing_ok=True)


def make_plain(folder: Path) -> None:
    """Name the tensors of a part as if it stood alone, whatever was wrapped around its layers."""
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    if any(".base_layer." in name for name in tensors):
        plain = {name.replace(".base_layer.", "."): tensor for name, tensor in tensors.items()}
        save_file(plain, path, metadata={"format": "pt"})


def loading_order(folder: Path) -> list[Path]:
    """Return the folders of the parts in the order of attaching: bottlenecks go around."""

    def key(path: Path) -> tuple[bool, int]:
        config = json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))
        return config["peft_type"] == "AUTOPEFT_BOTTLENECK", int(path.name.removeprefix("part-"))

    return sorted((path.parent for path in folder.glob("part-*/adapter_config.json")), key=key)
