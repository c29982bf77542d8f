"""Every PEFT method as a user writes it: its knobs, their limits, its default ranges.

Each record carries ``search_ranges``: what the word ``search`` stands for. The learning rate comes
first in all of them, since it decides more than the choice of method (arXiv 2602.04998; ranges
from the measurements in the project's notes on PEFT).
"""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field

from autopeft.spec.record import Record, about
from autopeft.spec.roles import check_roles

Tree: TypeAlias = dict[str, Any]
Roles: TypeAlias = Annotated[str, AfterValidator(check_roles)]
Layers: TypeAlias = Literal["all", "top_half", "top_quarter", "last"]

RANKS: Tree = {"one_of": [1, 2, 4, 8, 16, 32]}
ALPHAS: Tree = {"low": 0.5, "high": 4.0, "log": True}
ROLE_CHOICES: Tree = {"one_of": ["audio.attention", "audio.all", "audio.all+projection"]}


def log_range(low: float, high: float) -> Tree:
    """Return a log-uniform distribution as a user would write it."""
    return {"low": low, "high": high, "log": True}


class Method(Record):
    """What all methods share: ``learning_rate`` (peak, AdamW)."""

    search_ranges: ClassVar[dict[str, Tree]] = {}

    learning_rate: float = Field(1e-3, gt=0, le=10)


class Attached(Method):
    """A method that attaches to roles of the base, in a span of its layers."""

    roles: Roles = "audio.all"
    layers: Layers = "all"


class LowRank(Attached):
    """LoRA's knobs: ``rank`` (0 = off, in ``parts``), scaling ``alpha_over_rank``, dropout."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        "learning_rate": log_range(1e-4, 2e-2),
        "rank": RANKS,
        "alpha_over_rank": ALPHAS,
        "roles": ROLE_CHOICES,
        "dropout": {"one_of": [0.0, 0.05, 0.1, 0.2]},
    }

    rank: int = Field(8, ge=0, le=1024)
    alpha_over_rank: float = Field(2.0, gt=0, le=64)
    dropout: float = Field(0.0, ge=0, lt=1)


class Lora(LowRank):
    """LoRA: W + (alpha / rank) B A (Hu et al., arXiv 2106.09685)."""

    kind: Literal["lora"] = "lora"


class RsLora(LowRank):
    """Rank-stabilised LoRA: scaling alpha / sqrt(rank) (Kalajdzievski, arXiv 2312.03732)."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        **LowRank.search_ranges,
        "learning_rate": log_range(5e-5, 1e-2),
    }
    kind: Literal["rslora"] = "rslora"


class Dora(LowRank):
    """Weight-decomposed LoRA: direction by LoRA, magnitude learnt (Liu et al., 2402.09353)."""

    kind: Literal["dora"] = "dora"


class Pissa(LowRank):
    """LoRA started from the principal singular vectors of W (Meng et al., arXiv 2404.02948)."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        **LowRank.search_ranges,
        "learning_rate": log_range(5e-5, 1e-2),
    }
    kind: Literal["pissa"] = "pissa"


class Loha(LowRank):
    """Hadamard product of two low-rank products (Hyeon-Woo et al., arXiv 2108.06098)."""

    kind: Literal["loha"] = "loha"


class Lokr(LowRank):
    """Kronecker product of small factors (LyCORIS; Yeh et al., arXiv 2309.14859)."""

    kind: Literal["lokr"] = "lokr"
    decompose_factor: int = Field(-1, ge=-1)


class Oft(Attached):
    """Block-wise orthogonal rotation of W (Qiu et al., arXiv 2306.07280).

    A block that does not divide a width is refused rather than silently changed.
    """

    search_ranges: ClassVar[dict[str, Tree]] = {
        "learning_rate": log_range(1e-4, 2e-2),
        "block_size": {"one_of": [2, 4, 8, 16]},
        "roles": ROLE_CHOICES,
    }
    kind: Literal["oft"] = "oft"
    block_size: int = Field(8, ge=0, le=1024)
    dropout: float = Field(0.0, ge=0, lt=1)


class Vera(Attached):
    """Shared random matrices, trained scaling vectors (Kopiczko et al., arXiv 2310.11454)."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        "learning_rate": log_range(1e-3, 5e-2),
        "rank": {"one_of": [16, 32, 64, 128, 256]},
        "roles": ROLE_CHOICES,
    }
    kind: Literal["vera"] = "vera"
    learning_rate: float = Field(1e-2, gt=0, le=10)
    rank: int = Field(64, ge=0, le=4096)
    d_initial: float = Field(0.1, gt=0, le=10)
    dropout: float = Field(0.0, ge=0, lt=1)


class Miss(Attached):
    """Matrix shard sharing, formerly Bone (Kang & Yin, arXiv 2409.15371)."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        "learning_rate": log_range(1e-4, 2e-2),
        "rank": {"one_of": [2, 4, 8, 16, 32]},
        "roles": ROLE_CHOICES,
    }
    kind: Literal["miss"] = "miss"
    rank: int = Field(8, ge=0, le=1024)
    dropout: float = Field(0.0, ge=0, lt=1)


class Ia3(Attached):
    """Learnt scales on keys, values and feed-forward activations (Liu et al., 2205.05638)."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        "learning_rate": log_range(1e-3, 5e-2),
        "roles": ROLE_CHOICES,
    }
    kind: Literal["ia3"] = "ia3"
    learning_rate: float = Field(1e-2, gt=0, le=10)


class NormTuning(Attached):
    """Train the layer norms alone (LN tuning; Zhao et al., arXiv 2312.11420)."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        "learning_rate": log_range(1e-3, 5e-2),
        "roles": {"one_of": ["audio.all", "audio.all+text.all"]},
    }
    kind: Literal["ln"] = "ln"
    learning_rate: float = Field(1e-2, gt=0, le=10)


class Head(Method):
    """Train the projections alone: the linear-probe baseline of a two-tower model."""

    search_ranges: ClassVar[dict[str, Tree]] = {"learning_rate": log_range(1e-4, 2e-2)}
    kind: Literal["head"] = "head"
    learning_rate: float = Field(3e-3, gt=0, le=10)


class Full(Method):
    """Train every weight of the base: the expensive baseline."""

    search_ranges: ClassVar[dict[str, Tree]] = {"learning_rate": log_range(1e-5, 3e-3)}
    kind: Literal["full"] = "full"


class Bottleneck(Attached):
    """Down-project to ``width``, non-linearity, up-project; starts as the identity."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        "learning_rate": log_range(1e-4, 2e-2),
        "width": {"one_of": [2, 4, 8, 16, 32]},
        "roles": {"one_of": ["audio.attention", "audio.ffn", "audio.all"]},
    }
    width: int = Field(16, ge=0, le=4096)
    activation: Literal["relu", "gelu", "tanh"] = "relu"
    scaling: float = Field(1.0, gt=0, le=64)
    dropout: float = Field(0.0, ge=0, lt=1)


class Houlsby(Bottleneck):
    """Serial adapters after attention and feed-forward (Houlsby et al., arXiv 1902.00751)."""

    kind: Literal["houlsby"] = "houlsby"


class Pfeiffer(Bottleneck):
    """A serial adapter after the feed-forward only (Pfeiffer et al., arXiv 2005.00247)."""

    search_ranges: ClassVar[dict[str, Tree]] = {
        key: value for key, value in Bottleneck.search_ranges.items() if key != "roles"
    }
    kind: Literal["pfeiffer"] = "pfeiffer"


class Parallel(Bottleneck):
    """Adapters beside the sub-block's last linear layer (He et al., arXiv 2110.04366)."""

    kind: Literal["parallel"] = "parallel"


Part: TypeAlias = Annotated[
    Lora
    | RsLora
    | Dora
    | Pissa
    | Loha
    | Lokr
    | Oft
    | Vera
    | Miss
    | Ia3
    | NormTuning
    | Houlsby
    | Pfeiffer
    | Parallel,
    Field(discriminator="kind"),
]


class Parts(Record):
    """Several adapters at once, each with its own roles, layers, rank (0 = off) and rate."""

    search_ranges: ClassVar[dict[str, Tree]] = {}
    kind: Literal["parts"] = "parts"
    parts: tuple[Part, ...] = Field(min_length=1)


class ZeroShot(Record):
    """The base as it is, nothing trained; a baseline."""

    search_ranges: ClassVar[dict[str, Tree]] = {}
    kind: Literal["zero-shot"] = "zero-shot"


METHOD_RECORDS: dict[str, type[Record]] = {
    "lora": Lora,
    "rslora": RsLora,
    "dora": Dora,
    "pissa": Pissa,
    "loha": Loha,
    "lokr": Lokr,
    "oft": Oft,
    "vera": Vera,
    "miss": Miss,
    "ia3": Ia3,
    "ln": NormTuning,
    "head": Head,
    "full": Full,
    "houlsby": Houlsby,
    "pfeiffer": Pfeiffer,
    "parallel": Parallel,
    "parts": Parts,
    "zero-shot": ZeroShot,
}

# What makes an adapter large; 0 switches a part off.
SIZES = ("rank", "width", "block_size")


def is_on(part: Any) -> bool:
    """Return whether none of the part's sizes is 0; methods without a size are always on."""
    return all(getattr(part, size, 1) for size in SIZES)


def _stands_alone(method: Record) -> Record:
    """Return a method that stands alone; only one of several ``parts`` may be off.

    Raises:
        PydanticCustomError: Its rank, width or block size is 0.
    """
    for size in SIZES:
        if getattr(method, size, None) == 0:
            raise about(
                size, "found 0, at least 1 would be right; 0 (off) is only for one of several parts"
            )
    return method


AnyMethod: TypeAlias = Annotated[
    Lora
    | RsLora
    | Dora
    | Pissa
    | Loha
    | Lokr
    | Oft
    | Vera
    | Miss
    | Ia3
    | NormTuning
    | Head
    | Full
    | Houlsby
    | Pfeiffer
    | Parallel
    | Parts
    | ZeroShot,
    Field(discriminator="kind"),
    AfterValidator(_stands_alone),
]
