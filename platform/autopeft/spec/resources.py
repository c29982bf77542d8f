"""What one trial gets."""

from pydantic import Field

from autopeft.spec.record import Record


class Resources(Record):
    """CPUs and GPUs of one trial; a fraction of a GPU lets trials share it."""

    cpus: int = Field(1, ge=1)
    gpus: float = Field(0, ge=0)
    max_concurrent: int | None = Field(None, ge=1)
