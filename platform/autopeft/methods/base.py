"""What a method is, and what comes of adapting a base with one."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict

from torch import Tensor, nn

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods.effective import describe
from autopeft.methods.folders import NOTHING, loading_order, make_plain, save_adapter, save_weights
from autopeft.methods.guards import hold_batch_norm, release_batch_norm
from autopeft.methods.stacking import Untouched


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What a method can do; tests and callers ask these instead of its class.

    Attributes:
        can_merge: The adaptation can be folded into the base's weights.
        writes_base: It trains or overwrites tensors of the base, so it works on a deep copy.
        is_peft: Saved as one folder that plain ``peft`` loads.
        trains: There is something to train.
        plugin: Module to import before plain ``peft`` can load the folder, or empty.
        layout: What ``Adapted.save`` writes.
    """

    can_merge: bool = True
    writes_base: bool = False
    is_peft: bool = True
    trains: bool = True
    plugin: str = ""
    layout: Literal["peft", "parts", "weights", "nothing"] = "peft"


@dataclass(frozen=True)
class Wrapper:
    """One PEFT adapter on a base; ``peft_model`` shares the base with its neighbours."""

    adapter: str
    peft_model: Any
    learning_rate: float


@dataclass(frozen=True)
class Attachment:
    """What a method made of a model: what to call, and the adapters with their rates."""

    model: nn.Module
    wrappers: tuple[Wrapper, ...] = ()
    learning_rate: float = 0.0


class Method(Protocol):
    """How one kind of method attaches to a base."""

    def traits(self, method: Any) -> Traits:
        """Return what this record's method can do."""
        ...

    def count(self, model: nn.Module, method: Any) -> int:
        """Return how many parameters would be trained, from shapes alone."""
        ...

    def attach(self, model: nn.Module, method: Any, *, seed: int) -> Attachment:
        """Attach to the model in place; nothing has changed if this raises."""
        ...


class ParameterGroup(TypedDict):
    """One group of parameters as torch's optimisers want it."""

    params: list[nn.Parameter]
    lr: float


@dataclass
class Adapted:
    """A base with its adapters: to train, save, merge, and take off again.

    Attributes:
        model: Called like the base, ``get_audio_features`` and the like included.
        effective: What was really built, as plain data; see ``effective_hash``.
    """

    model: nn.Module
    traits: Traits
    effective: dict[str, Any]
    _attachment: Attachment = field(repr=False)
    _before: Untouched = field(repr=False)

    @classmethod
    def of(cls, base: nn.Module, attach: Any, *, method: Any, traits: Traits) -> Adapted:
        """Return what ``attach(model)`` makes of the base, or of a copy if it writes on it."""
        before = Untouched.of(base)
        try:
            attachment = attach(deepcopy(base) if traits.writes_base else base)
        except BaseException:
            before.restore()
            raise
        attachment.model.eval()
        hold_batch_norm(attachment.model)
        effective = describe(attachment.model, method)
        return cls(attachment.model, traits, effective, attachment, before)

    @property
    def trainable_parameters(self) -> int:
        """The number of weights that training changes."""
        return sum(parameter.numel() for parameter in self._trainable().values())

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the trainable parameters by learning rate; parts have a rate each."""
        trainable = self._trainable()
        if not self._attachment.wrappers:
            groups = [
                ParameterGroup(params=[*trainable.values()], lr=self._attachment.learning_rate)
            ]
        else:
            groups = [self._group(wrapper) for wrapper in self._attachment.wrappers]
        return [group for group in groups if group["params"]]

    def _group(self, wrapper: Wrapper) -> ParameterGroup:
        """Return the parameters whose name carries this wrapper's adapter."""
        mark = f".{wrapper.adapter}."
        params = [p for name, p in self._trainable().items() if mark in f"{name}."]
        return ParameterGroup(params=params, lr=wrapper.learning_rate)

    def state_dict(self) -> dict[str, Tensor]:
        """Return a copy of the trainable tensors; with the seed, all that a checkpoint needs."""
        return {name: p.detach().clone() for name, p in self._trainable().items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Copy tensors that ``state_dict`` returned into this model.

        Raises:
            ValueError: The names are not those of this adaptation.
        """
        trainable = self._trainable()
        if state.keys() != trainable.keys():
            differing = sorted(state.keys() ^ trainable.keys())
            raise ValueError(f"the checkpoint is of another adaptation: {', '.join(differing[:4])}")
        for name, parameter in trainable.items():
            parameter.data.copy_(state[name])

    def save(self, folder: Path | str) -> None:
        """Write what ``load_adapter`` needs; for PEFT methods, what plain ``peft`` needs.

        One method is ``adapter_config.json`` and ``adapter_model.safetensors``; parts are folders
        ``part-0``, ``part-1``, … of these; ``full`` is the model; ``zero-shot`` an empty marker.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if self.traits.layout == "weights":
            save_weights(self.model, folder)
        for wrapper in self._attachment.wrappers:
            save_adapter(wrapper.peft_model, folder)
        if self.traits.layout == "nothing":
            (folder / NOTHING).touch()
        if self.traits.layout == "parts":
            for part in loading_order(folder):
                make_plain(part)

    def merged(self) -> nn.Module:
        """Return a new model of the base's class with the adaptation folded in.

        Raises:
            InvalidConfiguration: The method cannot be merged.
        """
        if not self.traits.can_merge:
            raise InvalidConfiguration(
                f"method.kind: {self.effective['kind']} has non-linear adapters, which cannot be "
                f"merged into the weights; export the adapter folder instead"
            )
        attachment = deepcopy(self._attachment)
        model = attachment.model
        for wrapper in reversed(attachment.wrappers):
            model = wrapper.peft_model.merge_and_unload()
        release_batch_norm(model)
        return model.requires_grad_(True).eval()

    def unload(self) -> nn.Module:
        """Take every adapter off and return the base as it was; this object is spent."""
        return self._before.restore()

    def _trainable(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}
