"""Bottleneck adapters as a PEFT tuner, which PEFT itself does not have.

Serial: y + s up(act(down(y))) with y the layer's output (Houlsby et al., arXiv 1902.00751; Pfeiffer
et al., arXiv 2005.00247). Parallel: y + s up(act(down(x))) with x its input (He et al., arXiv
2110.04366). ``up`` starts at zero, so the model starts as it was.

Importing this module is all that plain ``peft`` needs to load such a folder:

    import autopeft.methods.bottleneck_adapters
    model = PeftModel.from_pretrained(base, folder)

(No module here may be called ``bottleneck``: it would hide pandas' optional dependency.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from peft import PeftConfig, PeftType
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from peft.utils import register_peft_method
from torch import Tensor, nn

NAME: Final = "autopeft_bottleneck"
PREFIX: Final = "bottleneck_"
_ACTIVATIONS: Final = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


def _peft_type() -> Any:
    """Return our member of PEFT's enum of types, added if it is not there.

    ``register_peft_method`` refuses names that the enum does not hold, and offers no other way in
    (peft 0.21.2).
    """
    name = NAME.upper()
    if name not in PeftType.__members__:
        member = str.__new__(PeftType, name)
        member._name_, member._value_ = name, name
        PeftType._member_map_[name] = member
        PeftType._value2member_map_[name] = member
        PeftType._member_names_.append(name)
        # From Python 3.12 on members are looked up as attributes, which an enum lets nobody set.
        type.__setattr__(PeftType, name, member)
    return PeftType[name]


@dataclass
class BottleneckConfig(PeftConfig):
    """What ``adapter_config.json`` holds.

    Attributes:
        target_modules: The linear layers after (or beside) which an adapter sits.
        width: Of the bottleneck.
        activation: ``relu``, ``gelu`` or ``tanh``.
        scaling: The adapter's output is multiplied by it.
        dropout: On the bottleneck's activations.
        parallel: Fed by the layer's input rather than by its output.
        modules_to_save: Modules trained and saved whole.
        exclude_modules: Never to adapt.
    """

    target_modules: list[str] | set[str] | str | None = field(default=None)
    width: int = field(default=16)
    activation: str = field(default="relu")
    scaling: float = field(default=1.0)
    dropout: float = field(default=0.0)
    parallel: bool = field(default=False)
    modules_to_save: list[str] | None = field(default=None)
    exclude_modules: list[str] | None = field(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.peft_type = _peft_type()
        if isinstance(self.target_modules, list):
            self.target_modules = set(self.target_modules)


class BottleneckLayer(nn.Module, BaseTunerLayer):
    """A linear layer with adapters after it or beside it."""

    adapter_layer_names = ("bottleneck_down", "bottleneck_up")
    other_param_names = ("widths", "scaling", "parallel")

    # Inherited from PEFT's layer, which mypy cannot see.
    active_adapters: list[str]
    disable_adapters: bool
    get_base_layer: Callable[[], Any]
    set_adapter: Callable[..., None]
    _move_adapter_to_device_of_base_layer: Callable[[str], None]

    def __init__(self, base_layer: nn.Module, adapter_name: str, config: BottleneckConfig) -> None:
        super().__init__()
        self.base_layer = base_layer
        linear = self.get_base_layer()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bottleneck_down = nn.ModuleDict()
        self.bottleneck_up = nn.ModuleDict()
        self.inner = nn.ModuleDict()
        self.widths: dict[str, int] = {}
        self.scaling: dict[str, float] = {}
        self.parallel: dict[str, bool] = {}
        self.merged_adapters: list[str] = []
        self._disable_adapters = False
        self._active_adapter: Any = adapter_name
        self.update_layer(adapter_name, config)

    def update_layer(self, adapter_name: str, config: BottleneckConfig) -> None:
        """Add one adapter, which starts as the identity."""
        self.widths[adapter_name] = config.width
        self.scaling[adapter_name] = config.scaling
        self.parallel[adapter_name] = config.parallel
        features = self.in_features if config.parallel else self.out_features
        up = nn.Linear(config.width, self.out_features)
        nn.init.zeros_(up.weight)
        nn.init.zeros_(up.bias)
        self.bottleneck_down[adapter_name] = nn.Linear(features, config.width)
        self.bottleneck_up[adapter_name] = up
        self.inner[adapter_name] = nn.Sequential(
            _ACTIVATIONS[config.activation](), nn.Dropout(config.dropout)
        )
        self._move_adapter_to_device_of_base_layer(adapter_name)
        self.set_adapter(self.active_adapters, inference_mode=config.inference_mode)

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the layer's output with every active adapter applied, parallel ones first."""
        y: Tensor = self.base_layer(x, *args, **kwargs)
        if self.disable_adapters:
            return y
        active = [name for name in self.active_adapters if name in self.widths]
        beside = [self._adapter(name, x) for name in active if self.parallel[name]]
        for change in beside:
            y = y + change
        for name in active:
            if not self.parallel[name]:
                y = y + self._adapter(name, y)
        return y

    def _adapter(self, name: str, x: Tensor) -> Tensor:
        """Return s up(act(down(x))) in the dtype of ``x``."""
        down: Any = self.bottleneck_down[name]
        hidden = self.inner[name](down(x.to(down.weight.dtype)))
        change: Tensor = self.scaling[name] * self.bottleneck_up[name](hidden)
        return change.to(x.dtype)


class BottleneckModel(BaseTuner):
    """Wraps the target layers; there is no merge, since an adapter is not linear."""

    prefix = PREFIX
    tuner_layer_cls = BottleneckLayer
    target_module_mapping: dict[str, list[str]] = {}  # noqa: RUF012  (PEFT's own name)

    def _create_and_replace(
        self,
        config: BottleneckConfig,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
    ) -> None:
        """Wrap one layer, or add an adapter to one that is wrapped; called by PEFT."""
        if isinstance(target, BottleneckLayer):
            target.update_layer(adapter_name, config)
            return
        layer = BottleneckLayer(target, adapter_name, config)
        if adapter_name not in self.active_adapters:
            layer.requires_grad_(False)
        self._replace_module(parent, target_name, layer, target)

    def _check_merge_allowed(self) -> None:
        raise ValueError("bottleneck adapters are not linear and cannot be merged into the weights")


if _peft_type() not in PEFT_TYPE_TO_CONFIG_MAPPING:
    register_peft_method(
        name=NAME, config_cls=BottleneckConfig, model_cls=BottleneckModel, prefix=PREFIX
    )
