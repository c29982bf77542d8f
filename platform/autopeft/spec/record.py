"""The base of every record: frozen, and closed to keys nobody knows."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A small validated value: cannot change, refuses unknown keys, no silent type changes.

    ``strict`` is off because YAML writes ``1`` for ``1.0``; pydantic's lax mode refuses lossy
    conversions all the same (``1.5`` for an integer, text for a number that is not one).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
