"""Load a base: the shipped one, a local folder, or a model of the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoFeatureExtractor,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    SequenceFeatureExtractor,
)

from autopeft.core.errors import BaseUnavailable
from autopeft.spec.model import BASE_FILES

TINY_CLAP: Final = "autopeft/tiny-clap"
SMALL_CLAP: Final = "autopeft/small-clap"
SHIPPED: Final[Mapping[str, Path]] = {
    TINY_CLAP: Path(__file__).parent / "tiny_clap",
    SMALL_CLAP: Path(__file__).parent / "small_clap",
}

# What a name resolver that never answers may cost: the user is waiting at a prompt.
PROBE_SECONDS: Final = 2.0

# config.model_type -> class in transformers. A new family also needs a map in roles.py.
FAMILIES: Final[Mapping[str, str]] = {
    "clap": "ClapModel",
}


@dataclass(frozen=True)
class Base:
    """A loaded base: a model in eval mode and what turns sounds and captions into its inputs.

    Attributes:
        model: In eval mode; nothing is frozen yet, a method decides that.
        feature_extractor: Waveforms to ``input_features``.
        tokenizer: Captions to ``input_ids``.
        name: As the user wrote it.
        revision: The Hub's commit, or None for a folder.
        family: ``config.model_type``, a key of ``FAMILIES``.
        checksum: Of the parameters and buffers as loaded.
    """

    model: PreTrainedModel
    feature_extractor: SequenceFeatureExtractor
    tokenizer: PreTrainedTokenizerBase
    name: str
    revision: str | None
    family: str
    checksum: str

    @property
    def sample_rate_hz(self) -> int:
        """The rate at which the feature extractor wants its waveforms."""
        return int(self.feature_extractor.sampling_rate)


def load_base(name: str, *, search_dirs: Iterable[Path] = (), revision: str | None = None) -> Base:
    """Return the base of this name, ready to be adapted.

    Only safetensors are read, and no code that comes with a model is run.

    Args:
        name: ``autopeft/tiny-clap`` or ``autopeft/small-clap``, a local folder, or a Hub id such as
            ``laion/clap-htsat-unfused`` (from the local cache if it is there).
        search_dirs: Where relative folders are looked for before the working directory, such as
            the folder of the search file.
        revision: Branch, tag or commit on the Hub; ignored for folders.

    Raises:
        BaseUnavailable: Unknown, incomplete, of an unsupported family, or out of reach.
    """
    folder = _find_folder(name, search_dirs)
    if folder is not None:
        _check_folder(folder)
        return _load(str(folder), name=name, options={"local_files_only": True})
    _check_hub_id(name)
    options: dict[str, Any] = {"revision": revision, "local_files_only": _in_cache(name, revision)}
    if not options["local_files_only"]:
        _check_hub_answers(name)
    return _load(name, name=name, options=options)


def checksum(model: nn.Module) -> str:
    """Return a hash of every parameter and buffer, in the order of their names.

    Non-persistent buffers count too: they are state a trial could leave behind.
    """
    digest = hashlib.blake2b(digest_size=16)
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # As bytes, because numpy has no bfloat16; reshaped, because a scalar cannot be viewed.
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _find_folder(name: str, search_dirs: Iterable[Path]) -> Path | None:
    """Return the folder the name stands for, None if it must be a Hub id."""
    if name in SHIPPED:
        return SHIPPED[name]
    path = Path(name).expanduser()
    places = [place / path for place in (*search_dirs, Path.cwd())]
    for place in places:
        if place.is_dir():
            return place
    if path.is_absolute() or name.startswith(("~", ".")) or len(path.parts) > 2:
        tried = ", ".join(str(place) for place in dict.fromkeys(places))
        raise BaseUnavailable(f"model.base: there is no folder {name!r} (looked for {tried})")
    return None


def _check_folder(folder: Path) -> None:
    """Raise BaseUnavailable if the folder lacks a file that loading needs."""
    missing = [row[0] for row in BASE_FILES if not any((folder / file).is_file() for file in row)]
    if missing:
        raise BaseUnavailable(
            f"model.base: {folder} lacks {', '.join(missing)}; a base folder holds what "
            f"save_pretrained writes for the model (safetensors) and its processor"
        )


def _check_hub_id(name: str) -> None:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise BaseUnavailable(
            f"model.base: {name!r} is neither a folder here nor a Hub id (owner/name); "
            f"shipped bases are {', '.join(SHIPPED)}"
        )


def _in_cache(name: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)


def _check_hub_answers(name: str) -> None:
    """Raise BaseUnavailable unless the Hub answers within ``PROBE_SECONDS``.

    The Hub's own client retries for minutes; a thread, because a name look-up has no timeout.
    """
    from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE, HF_HUB_OFFLINE

    answered: list[str] = []

    def ask() -> None:
        try:
            with urlopen(Request(ENDPOINT, method="HEAD"), timeout=PROBE_SECONDS):
                answered.append("yes")
        except HTTPError:
            answered.append("yes, with an error status")
        except (OSError, ValueError, HTTPException):
            return

    if not HF_HUB_OFFLINE:
        probe = Thread(target=ask, daemon=True)
        probe.start()
        probe.join(PROBE_SECONDS)
    if not answered:
        why = "HF_HUB_OFFLINE is set" if HF_HUB_OFFLINE else f"{ENDPOINT} does not answer"
        raise BaseUnavailable(
            f"model.base: {name!r} is not in the cache {HF_HUB_CACHE} and {why}; write a local "
            f"folder, point HF_HOME at a cache that holds it, or use the shipped {TINY_CLAP}"
        )


def _load(source: str, *, name: str, options: dict[str, Any]) -> Base:
    """Return the base from a folder or a Hub id that is known to be within reach."""
    import transformers

    family = _family(source, name=name, options=options)
    safe = {**options, "trust_remote_code": False}
    try:
        model, report = getattr(transformers, FAMILIES[family]).from_pretrained(
            source, use_safetensors=True, output_loading_info=True, **safe
        )
        feature_extractor = AutoFeatureExtractor.from_pretrained(source, **safe)
        tokenizer = AutoTokenizer.from_pretrained(source, **safe)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise BaseUnavailable(f"model.base: {name!r} could not be loaded: {first_line}") from error
    _check_complete(model, missing=set(report["missing_keys"]), name=name)
    model.eval()
    return Base(
        model=model,
        feature_extractor=feature_extractor,
        tokenizer=tokenizer,
        name=name,
        revision=getattr(model.config, "_commit_hash", None),
        family=family,
        checksum=checksum(model),
    )


def _check_complete(model: nn.Module, *, missing: set[str], name: str) -> None:
    """Raise BaseUnavailable if a parameter was not in the file: it would be random."""
    random = sorted(missing & {parameter for parameter, _ in model.named_parameters()})
    if random:
        raise BaseUnavailable(
            f"model.base: the weights of {name!r} lack {len(random)} parameters, "
            f"first {random[0]}; write the folder again with save_pretrained"
        )


def _family(source: str, *, name: str, options: dict[str, Any]) -> str:
    """Return the model type that the configuration file names, before anything big is loaded."""
    from transformers import PreTrainedConfig

    try:
        config, _ = PreTrainedConfig.get_config_dict(source, **options)
    except (OSError, ValueError) as error:
        raise BaseUnavailable(f"model.base: {name!r} has no readable config.json") from error
    family = str(config.get("model_type", "unknown"))
    if family not in FAMILIES:
        raise BaseUnavailable(
            f"model.base: {name!r} is of type {family!r}; supported: {', '.join(FAMILIES)}"
        )
    return family
