"""Base and adapter as one model that ``transformers`` loads without peft."""

from pathlib import Path
from typing import Any

from autopeft.methods import load_adapter
from autopeft.methods.folders import loading_order, save_weights
from autopeft.models import load_base
from autopeft.spec.trial import TrialSpec


def write_merged(spec: TrialSpec, adapter: Path, out: Path) -> None:
    """Write the base of ``spec`` with the adapter folded in, its processor included.

    Parts are folded in one after the other, in the order in which they were attached.
    """
    base = load_base(spec.model.base, revision=spec.model.revision)
    model: Any = base.model
    for folder in loading_order(adapter) or [adapter]:
        model = _merge(load_adapter(model, folder))
    save_weights(model, out)
    base.feature_extractor.save_pretrained(out)
    base.tokenizer.save_pretrained(out)


def _merge(model: Any) -> Any:
    """Fold in what PEFT attached; a model whose own weights were loaded is merged already."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
