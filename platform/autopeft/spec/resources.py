"""What one trial gets."""

from typing import Annotated

from pydantic import AfterValidator, Field

from autopeft.spec.record import Record


def check_gpus(gpus: float) -> float:
    """Return ``gpus`` if Ray can give so many: above one, only whole ones.

    Raises:
        ValueError: It is a fraction above 1.
    """
    if gpus > 1 and gpus != int(gpus):
        raise ValueError(f"found {gpus:g}; above 1 a whole number would be right")
    return gpus


class Resources(Record):
    """CPUs and GPUs of one trial; a fraction of a GPU lets trials share it."""

    cpus: int = Field(1, ge=1)
    gpus: Annotated[float, Field(ge=0), AfterValidator(check_gpus)] = 0
    max_concurrent: int | None = Field(None, ge=1)
