"""autopeft: distributed search for parameter-efficient fine-tuning of audio-text models.

The whole Python API is two verbs, both loaded on first use so that ``import autopeft`` stays fast:

* ``autopeft.run(spec)`` runs the sweep that a YAML file, or the same as a dict, describes.
* ``autopeft.open_run(path)`` opens a run folder; its ``trials()`` are what happened.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "open_run", "run"]


def __getattr__(name: str) -> Any:
    """Load ``run`` and ``open_run`` when first asked for (PEP 562)."""
    if name == "run":
        from autopeft.sweep.api import run

        return run
    if name == "open_run":
        from autopeft.tracking.run_folder import open_run

        return open_run
    raise AttributeError(f"module 'autopeft' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what there is, loaded or not."""
    return __all__
