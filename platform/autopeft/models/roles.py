"""Roles a user can name, turned into the module names of one model family.

Module names are those of transformers 5.23 (they changed since 4.x), read from the models with
``named_modules`` and written here relative to one layer, so that the same table serves a bare
model and one inside a task head (``encoder.layers.0`` and ``wav2vec2.encoder.layers.0``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from torch import nn

from autopeft.core.errors import InvalidConfiguration
from autopeft.spec.roles import LAYERS, check_roles

TOWERS: Final = ("audio", "text", "projection")


@dataclass(frozen=True)
class SubBlock:
    """One residual sub-block, relative to its layer; the last linear is what it returns.

    Attributes:
        linears: In the order of the computation.
        norms: What ``ln`` tunes.
        dead: Why adapters on these linears would learn nothing, or empty.
    """

    linears: tuple[str, ...]
    norms: tuple[str, ...]
    dead: str = ""


@dataclass(frozen=True)
class Tower:
    """A stack of layers.

    Attributes:
        layer: Pattern of a layer's full name; its groups are numbers in order of depth.
        attention: Its attention sub-blocks.
        ffn: Its feed-forward sub-blocks.
    """

    layer: str
    attention: tuple[SubBlock, ...]
    ffn: tuple[SubBlock, ...]

    def sub_blocks(self, part: str) -> tuple[SubBlock, ...]:
        """Return the sub-blocks of ``attention``, ``ffn`` or ``all``."""
        return {"attention": self.attention, "ffn": self.ffn}.get(part, self.attention + self.ffn)


@dataclass(frozen=True)
class RoleMap:
    """What one family has: its towers and the linears between them and the shared space."""

    towers: Mapping[str, Tower]
    projection: tuple[str, ...] = ()
    projection_outputs: tuple[str, ...] = ()


_QKV: Final = ("attention.self.query", "attention.self.key", "attention.self.value")
_CLAP: Final = RoleMap(
    towers={
        "audio": Tower(
            r"(?:.+\.)?audio_encoder\.layers\.(\d+)\.blocks\.(\d+)",
            (SubBlock((*_QKV, "attention.output.dense"), ("layernorm_before",)),),
            (SubBlock(("intermediate.dense", "output.dense"), ("layernorm_after",)),),
        ),
        "text": Tower(
            r"(?:.+\.)?text_model\.encoder\.layer\.(\d+)",
            (SubBlock((*_QKV, "attention.output.dense"), ("attention.output.LayerNorm",)),),
            (SubBlock(("intermediate.dense", "output.dense"), ("output.LayerNorm",)),),
        ),
    },
    projection=(
        "text_projection.linear1",
        "text_projection.linear2",
        "audio_projection.linear1",
        "audio_projection.linear2",
    ),
    projection_outputs=("text_projection.linear2", "audio_projection.linear2"),
)
_AST: Final = RoleMap(
    towers={
        "audio": Tower(
            r"(?:.+\.)?layers\.(\d+)",
            (
                SubBlock(
                    tuple(f"attention.{letter}_proj" for letter in "qkvo"), ("layernorm_before",)
                ),
            ),
            (SubBlock(("mlp.fc1", "mlp.fc2"), ("layernorm_after",)),),
        )
    }
)


def _qkv_out(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}_proj" for name in ("q", "k", "v", "out"))


def _wav2vec2(*, dead_attention: str = "") -> RoleMap:
    return RoleMap(
        towers={
            "audio": Tower(
                r"(?:.+\.)?encoder\.layers\.(\d+)",
                (SubBlock(_qkv_out("attention"), ("layer_norm",), dead_attention),),
                (
                    SubBlock(
                        ("feed_forward.intermediate_dense", "feed_forward.output_dense"),
                        ("final_layer_norm",),
                    ),
                ),
            )
        }
    )


_WHISPER_FFN: Final = SubBlock(("fc1", "fc2"), ("final_layer_norm",))
_WHISPER_SELF: Final = SubBlock(_qkv_out("self_attn"), ("self_attn_layer_norm",))
_WHISPER_CROSS: Final = SubBlock(_qkv_out("encoder_attn"), ("encoder_attn_layer_norm",))

ROLE_MAPS: Final[Mapping[str, RoleMap]] = {
    "clap": _CLAP,
    "audio-spectrogram-transformer": _AST,
    "wav2vec2": _wav2vec2(),
    "hubert": _wav2vec2(),
    "wavlm": _wav2vec2(
        dead_attention="WavLM hands its attention weights past the adapters, which get no "
        "gradient (huggingface/transformers PR #48773); write audio.ffn"
    ),
    "whisper": RoleMap(
        towers={
            "audio": Tower(r"(?:.+\.)?encoder\.layers\.(\d+)", (_WHISPER_SELF,), (_WHISPER_FFN,)),
            "text": Tower(
                r"(?:.+\.)?decoder\.layers\.(\d+)", (_WHISPER_SELF, _WHISPER_CROSS), (_WHISPER_FFN,)
            ),
        }
    ),
}


def resolve(model: nn.Module, roles: str, layers: str = "all") -> tuple[str, ...]:
    """Return the full names of the linear layers that play these roles, in the model's order.

    Args:
        model: A bare model of a known family, not yet wrapped by PEFT.
        roles: A role or a sum, such as ``audio.all+projection``.
        layers: ``all``, ``top_half``, ``top_quarter`` or ``last``; counted in each tower by itself,
            rounded up. The projection has no layers and is always whole.

    Raises:
        InvalidConfiguration: The family has no such role, or adapters there would learn nothing.
    """
    return _modules(model, roles, layers, kind=nn.Linear, wanted="linears")


def norms(model: nn.Module, roles: str, layers: str = "all") -> tuple[str, ...]:
    """Return the full names of the LayerNorms of these roles' sub-blocks, in the model's order.

    Raises:
        InvalidConfiguration: The family has no such role, or the roles have no norm.
    """
    return _modules(model, roles, layers, kind=nn.LayerNorm, wanted="norms")


def subblock_outputs(model: nn.Module, roles: str, layers: str = "all") -> tuple[str, ...]:
    """Return the last linear of each sub-block: where a Houlsby adapter sits, before the residual.

    Raises:
        InvalidConfiguration: The family has no such role, or adapters there would learn nothing.
    """
    return _modules(model, roles, layers, kind=nn.Linear, wanted="outputs")


def towers(roles: str) -> frozenset[str]:
    """Return which of ``audio``, ``text`` and ``projection`` the roles touch.

    What is not among them stays as it was, so its outputs may be computed once for all trials;
    the projection follows both towers.

    Example:
        >>> sorted(towers("audio.all+projection"))
        ['audio', 'projection']
    """
    return frozenset(part.partition(".")[0] for part in _parts(roles))


def _parts(roles: str) -> list[str]:
    try:
        return check_roles(roles).split("+")
    except ValueError as error:
        raise InvalidConfiguration(f"roles: {error}") from error


def _modules(
    model: nn.Module, roles: str, layers: str, *, kind: type[nn.Module], wanted: str
) -> tuple[str, ...]:
    """Return the names of modules of one kind that the roles want, in the model's order."""
    if layers not in LAYERS:
        raise InvalidConfiguration(f"layers: {layers!r} is none of {', '.join(LAYERS)}")
    present = {name: module for name, module in model.named_modules() if name}
    names = {
        name
        for part in _parts(roles)
        for name in _wanted(_role_map(model), part, layers, present=present, wanted=wanted)
    }
    found = tuple(n for n, module in present.items() if n in names and isinstance(module, kind))
    if not found:
        raise InvalidConfiguration(
            f"roles: {roles!r} names no {kind.__name__} in this {type(model).__name__}"
        )
    return found


def _role_map(model: nn.Module) -> RoleMap:
    family = str(getattr(model.config, "model_type", type(model).__name__))
    if family not in ROLE_MAPS:
        raise InvalidConfiguration(
            f"no roles are known for models of type {family!r}; known: {', '.join(ROLE_MAPS)}"
        )
    return ROLE_MAPS[family]


def _wanted(
    role_map: RoleMap, role: str, layers: str, *, present: Mapping[str, nn.Module], wanted: str
) -> Iterator[str]:
    """Yield the full names that one role asks for; the model need not have them all."""
    tower_name, _, part = role.partition(".")
    if role == "projection" and role_map.projection:
        if wanted != "norms":
            yield from role_map.projection if wanted == "linears" else role_map.projection_outputs
        return
    if tower_name not in role_map.towers:
        raise InvalidConfiguration(
            f"roles: this model has no {role!r}; it has {', '.join(_offered(role_map))}"
        )
    tower = role_map.towers[tower_name]
    for layer in _span(_layer_names(tower, present), layers):
        for block in tower.sub_blocks(part):
            if block.dead and wanted != "norms":
                raise InvalidConfiguration(f"roles: {role!r} would learn nothing: {block.dead}")
            suffixes = {"linears": block.linears, "norms": block.norms}
            for suffix in suffixes.get(wanted, block.linears[-1:]):
                yield f"{layer}.{suffix}"


def _offered(role_map: RoleMap) -> list[str]:
    parts = [f"{name}.{part}" for name in role_map.towers for part in ("attention", "ffn", "all")]
    return parts + (["projection"] if role_map.projection else [])


def _layer_names(tower: Tower, present: Mapping[str, nn.Module]) -> list[str]:
    """Return the names of the tower's layers, the deepest last."""
    matches = [match for name in present if (match := re.fullmatch(tower.layer, name))]
    matches.sort(key=lambda match: tuple(int(number) for number in match.groups()))
    return [match.group() for match in matches]


def _span(names: list[str], layers: str) -> list[str]:
    count = {
        "all": len(names),
        "top_half": ceil(len(names) / 2),
        "top_quarter": ceil(len(names) / 4),
        "last": 1,
    }[layers]
    return names[-count:] if count else []
