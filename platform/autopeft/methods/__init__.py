"""Methods: how a base is adapted, what each method can do, and what it costs in parameters.

Nothing here loads torch: the table's entries and the names below do, when they are used. The one
to begin with is ``autopeft.methods.adapt.adapt``, which cannot also stand here: the module of that
name would hide it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autopeft.core.choices import Choices

if TYPE_CHECKING:
    from autopeft.methods.adapt import count_trainable, load_adapter, traits
    from autopeft.methods.base import Adapted, Method, Traits
    from autopeft.methods.effective import effective_hash
    from autopeft.methods.guards import check_gradients

METHODS = Choices(
    "method",
    "methods",
    {
        "lora": "autopeft.methods.lora:LORA",
        "rslora": "autopeft.methods.lora:RSLORA",
        "dora": "autopeft.methods.lora:DORA",
        "pissa": "autopeft.methods.lora:PISSA",
        "loha": "autopeft.methods.lycoris:LOHA",
        "lokr": "autopeft.methods.lycoris:LOKR",
        "oft": "autopeft.methods.oft:OFT",
        "vera": "autopeft.methods.vera:VERA",
        "miss": "autopeft.methods.miss:MISS",
        "ia3": "autopeft.methods.ia3:IA3",
        "ln": "autopeft.methods.norms:LN",
        "head": "autopeft.methods.direct:HEAD",
        "full": "autopeft.methods.direct:FULL",
        "houlsby": "autopeft.methods.houlsby:HOULSBY",
        "pfeiffer": "autopeft.methods.houlsby:PFEIFFER",
        "parallel": "autopeft.methods.houlsby:PARALLEL",
        "parts": "autopeft.methods.parts:PARTS",
        "zero-shot": "autopeft.methods.direct:ZERO_SHOT",
    },
)

_HOMES = {
    "Adapted": "base",
    "Method": "base",
    "Traits": "base",
    "check_gradients": "guards",
    "count_trainable": "adapt",
    "effective_hash": "effective",
    "load_adapter": "adapt",
    "traits": "adapt",
}

__all__ = [
    "METHODS",
    "Adapted",
    "Method",
    "Traits",
    "check_gradients",
    "count_trainable",
    "effective_hash",
    "load_adapter",
    "traits",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that the driver can read the table without torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
