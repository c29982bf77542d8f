"""What every task offers to the trial loop."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn


class Task(Protocol):
    """A task is prepared once per worker and knows nothing of the model's adapters.

    Attributes:
        captions: The texts to tell apart.
        splits: What can be scored: ``train``, ``validation``, ``test`` and perhaps ``source``.
    """

    captions: tuple[str, ...]
    splits: tuple[str, ...]

    def batch(self, step: int, *, batch_size: int, seed: int) -> Any:
        """Return training batch ``step``; the same arguments always give the same batch."""
        ...

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        """Return the scalar to minimise."""
        ...

    def evaluate(self, model: nn.Module, split: str) -> dict[str, float]:
        """Return the split's metrics by name, the model left in the mode it was found in."""
        ...
