"""The frozen base that adapters attach to."""

from typing import Annotated

from pydantic import AfterValidator, Field

from autopeft.core.choices import known_words
from autopeft.spec.record import Record

SHIPPED = ("autopeft/tiny-clap", "autopeft/small-clap")

# The files of a base folder, one of each row; the first is the one to ask for.
BASE_FILES = (
    ("config.json",),
    ("model.safetensors", "model.safetensors.index.json"),
    ("preprocessor_config.json", "processor_config.json"),
    ("tokenizer.json", "vocab.json"),
)
# What a base's config.json may say of its type.
FAMILIES = ("clap",)


def check_base(name: str) -> str:
    """Return ``name``, unless it is in our own namespace and not shipped.

    Raises:
        ValueError: No base of that name is shipped.
    """
    if name.startswith("autopeft/") and name not in SHIPPED:
        raise ValueError(f"no shipped base named {name!r}{known_words(name, list(SHIPPED))}")
    return name


class Model(Record):
    """``base`` is a shipped base, a Hugging Face Hub id or a local folder.

    ``autopeft/tiny-clap`` has 0.3 million parameters, ``autopeft/small-clap`` 0.9 million.
    """

    base: Annotated[str, Field(min_length=1), AfterValidator(check_base)] = SHIPPED[0]
    revision: str | None = None
