"""Whether a folder can be a base, as far as that can be seen without loading it."""

import json
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

from autopeft.core.choices import did_you_mean
from autopeft.spec.model import BASE_FILES, FAMILIES

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


def base_folder_problems(folder: Path) -> Iterator[str]:
    """Yield what keeps a folder from being loaded as a base."""
    if not folder.is_dir():
        near = did_you_mean(folder.name, [path.name for path in folder.parent.glob("*/")])
        yield f"there is no folder {folder}{near}"
        return
    missing = [row[0] for row in BASE_FILES if not any((folder / file).is_file() for file in row)]
    if missing:
        yield (
            f"{folder} lacks {', '.join(missing)}; a base folder holds what save_pretrained writes "
            "for the model (safetensors) and its processor"
        )
    if "config.json" not in missing:
        yield from _family_problems(folder / "config.json")
    if WEIGHTS not in missing:
        yield from _weight_problems(folder)


def _family_problems(file: Path) -> Iterator[str]:
    config = _json(file)
    if not isinstance(config, dict):
        yield f"{file} cannot be read as JSON; write the folder again with save_pretrained"
    elif (family := config.get("model_type", "unknown")) not in FAMILIES:
        yield f"{file.parent} is of type {family!r}; supported: {', '.join(FAMILIES)}"


def _weight_problems(folder: Path) -> Iterator[str]:
    """Yield the weight files that are not there, or are cut off: the header tells their size."""
    names = [WEIGHTS]
    if not (folder / WEIGHTS).is_file():
        index = _json(folder / INDEX)
        weights = index.get("weight_map") if isinstance(index, dict) else None
        names = sorted(set(map(str, weights.values()))) if isinstance(weights, dict) else [INDEX]
    for name in names:
        try:
            with safe_open(folder / name, framework="np"):
                continue
        except (SafetensorError, OSError) as error:
            yield (
                f"{folder / name} cannot be read as safetensors ({error}); write the folder again "
                "with save_pretrained"
            )


def _json(file: Path) -> object:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
