"""From a run to a folder that plain ``peft`` (or, merged, plain ``transformers``) loads."""

import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autopeft.core.errors import AutopeftError, InputError
from autopeft.core.places import write_json, write_text
from autopeft.data import open_data
from autopeft.export.card import model_card
from autopeft.export.merged_model import write_merged
from autopeft.export.new_folder import new_folder
from autopeft.methods import traits
from autopeft.spec.trial import TrialSpec
from autopeft.tracking.kept_adapter import KeptAdapter, kept_adapter

MANIFEST = "autopeft.json"
ANY_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class ExportedAdapter:
    """What was written.

    Attributes:
        folder: Where.
        method: The method's kind.
        base: The base's name.
        merged: Whether it is a whole model rather than an adapter.
    """

    folder: Path
    method: str
    base: str
    merged: bool

    @property
    def summary(self) -> str:
        """One line on what the folder is."""
        if self.merged:
            return f"{self.base} with {self.method} merged in; transformers loads it"
        return f"{self.method} adapter for {self.base}; README.md says how to load it"

    @property
    def hint(self) -> str:
        """What to do with the folder next, its name left out."""
        return "autopeft predict {} sound.wav"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "folder": str(self.folder),
            "method": self.method,
            "base": self.base,
            "merged": self.merged,
        }


def export_adapter(source: str | Path, out: str | Path, *, merged: bool = False) -> ExportedAdapter:
    """Write the winner of a run, or ``RUN/trials/ID`` of it, to the new folder ``out``.

    Args:
        source: A run folder, or the folder of a baseline or retraining in one.
        out: Must not exist yet, or be empty.
        merged: Fold the adapter into the base's weights. What trained all weights is a whole
            model anyway.

    Raises:
        InputError: ``out`` is taken, or the method cannot be merged.
        RunFolderError: There is no winner yet, or ``out`` cannot be written.
    """
    kept, out = kept_adapter(source), Path(out)
    facts = traits(kept.spec.method)
    if merged and not facts.can_merge:
        raise InputError(
            f"--merged: {kept.spec.method.kind} adapters are not linear and cannot be folded into "
            "the weights; export without --merged"
        )
    whole = merged or facts.layout == "weights"
    with new_folder(out) as draft:
        if whole:
            write_merged(kept.spec, kept.folder, draft)
        else:
            _copy_adapter(kept, draft)
        captions = _captions(kept.spec)
        write_json(draft / MANIFEST, _manifest(kept, captions, merged=whole))
        card = model_card(
            kept, name=out.resolve().name, captions=captions, merged=whole, traits=facts
        )
        write_text(draft / "README.md", card)
        _share(draft)
    return ExportedAdapter(out.resolve(), kept.spec.method.kind, kept.spec.model.base, whole)


def _share(draft: Path) -> None:
    """Give everything the mode of what was just made here.

    A run's files are for its owner alone, and safetensors writes 0600; an export is handed on.
    """
    mode = (draft / MANIFEST).stat().st_mode & 0o777
    for path in (draft, *draft.rglob("*")):
        path.chmod(mode | (mode & 0o444) >> 2 if path.is_dir() else mode)


def _copy_adapter(kept: KeptAdapter, draft: Path) -> None:
    """Copy the adapter; its base is then called by its name, not by its place on this machine."""
    shutil.copytree(kept.folder, draft, dirs_exist_ok=True)
    for path in draft.rglob("adapter_config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = kept.spec.model.base
        write_json(path, config)


def _manifest(kept: KeptAdapter, captions: tuple[str, ...], *, merged: bool) -> dict[str, Any]:
    """Return what ``predict`` needs, and where the folder comes from."""
    return {
        "autopeft": version("autopeft"),
        "base": kept.spec.model.base,
        "revision": kept.spec.model.revision,
        "merged": merged,
        "prompt": kept.spec.task.prompt,
        "captions": list(captions),
        "run": kept.run.path.name,
        "trial": kept.trial.id,
        "method": kept.spec.method.model_dump(mode="json"),
        "training": kept.spec.training.model_dump(mode="json"),
        "seed": kept.spec.seed,
        "metrics": dict(kept.trial.metrics),
    }


def _captions(spec: TrialSpec) -> tuple[str, ...]:
    """Return the caption bank; empty if the data is no longer there."""
    try:
        return open_data(spec.task.data, sample_rate_hz=ANY_RATE_HZ).captions
    except AutopeftError:
        return ()
