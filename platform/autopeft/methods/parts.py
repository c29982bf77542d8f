"""Several adapters at once, each on its own roles, with its own rank (0 = off) and rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from torch import nn

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods import METHODS
from autopeft.methods.base import Attachment, Traits, Wrapper
from autopeft.methods.peft_method import PeftMethod
from autopeft.methods.stacking import activate_all, forget_configs
from autopeft.spec.method import is_on

# May share a module: their updates are sums, so that neither changes what the other starts from.
_ADDITIVE = frozenset({"lora", "rslora"})


@dataclass(frozen=True)
class _Parts:
    """Each part is one PEFT adapter ``part-0``, ``part-1``, …, numbered among those that are on."""

    def traits(self, method: Any) -> Traits:
        """Return what all parts can do together."""
        each = [_method(part).traits(part) for part in method.parts if is_on(part)]
        return Traits(
            can_merge=all(traits.can_merge for traits in each),
            writes_base=any(traits.writes_base for traits in each),
            is_peft=False,
            plugin=next((traits.plugin for traits in each if traits.plugin), ""),
            layout="parts",
        )

    def count(self, model: nn.Module, method: Any) -> int:
        """Return the sum over the parts; raises if one does not fit, or two do not go together."""
        parts = _on(method)
        for one, other in combinations(parts, 2):
            _check_together(model, one, other)
        return sum(_method(part).count(model, part) for part in parts)

    def attach(self, model: nn.Module, method: Any, *, seed: int) -> Attachment:
        """Attach every part to the model itself, bottlenecks last: they go around the others."""
        self.count(model, method)
        # All names are found before the first wrapper hides any of them.
        placed = [
            (f"part-{number}", part, _targets(model, part))
            for number, part in enumerate(_on(method))
        ]
        placed.sort(key=lambda place: _is_bottleneck(place[1]))
        wrappers = [_wrap(model, *place, seed=seed) for place in placed]
        activate_all(model)
        return Attachment(model, tuple(wrappers))


def _wrap(
    model: nn.Module, adapter: str, part: Any, targets: tuple[str, ...], *, seed: int
) -> Wrapper:
    wrapper = _method(part).wrap(model, part, targets=targets, seed=seed, adapter=adapter)
    forget_configs(model)
    return wrapper


def _method(part: Any) -> PeftMethod:
    method: PeftMethod = METHODS.load(part.kind)
    return method


def _on(method: Any) -> Sequence[Any]:
    """Return the parts that are on.

    Raises:
        InvalidConfiguration: There is none.
    """
    parts = [part for part in method.parts if is_on(part)]
    if not parts:
        raise InvalidConfiguration("method.parts: every part is off; give one a rank above 0")
    return parts


def _is_bottleneck(part: Any) -> bool:
    return not _method(part).flags.can_merge


def _check_together(model: nn.Module, one: Any, other: Any) -> None:
    """Raise if two parts want the same module and would not simply add up.

    LoRAs add up; bottlenecks act on activations and go around whatever changes the weights.
    """
    shared = sorted({*_targets(model, one)} & {*_targets(model, other)})
    additive = {one.kind, other.kind} <= _ADDITIVE
    if shared and not additive and not (_is_bottleneck(one) or _is_bottleneck(other)):
        raise InvalidConfiguration(
            f"method.parts: {one.kind} and {other.kind} cannot share {len(shared)} modules "
            f"({shared[0]}, …); give them other roles or layers. lora and rslora may share, and "
            f"houlsby, pfeiffer and parallel may share with any"
        )


def _targets(model: nn.Module, part: Any) -> tuple[str, ...]:
    return _method(part).targets(model, part)


PARTS = _Parts()
