"""Where what happened is kept beside the journal."""

from pydantic import Field

from autopeft.spec.record import Record


class Tracking(Record):
    """MLflow: ``uri`` defaults to one sqlite beside the run folders, shared by all sweeps.

    ``experiment`` defaults to the sweep's name. ``enabled: false`` keeps the journal alone.
    """

    experiment: str | None = Field(None, min_length=1)
    uri: str | None = None
    enabled: bool = True
    register_winner: bool = True
