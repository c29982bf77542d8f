"""Where what happened is kept beside the journal."""

from typing import Annotated

from pydantic import AfterValidator, Field

from autopeft.spec.record import Record

SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")


def check_uri(uri: str) -> str:
    """Return ``uri`` if MLflow can keep runs and models there.

    Raises:
        ValueError: A folder (the file store has no model registry), or an unknown scheme.
    """
    scheme = uri.partition(":")[0].partition("+")[0]
    if ":" not in uri or scheme not in SCHEMES:
        raise ValueError(
            f"found {uri!r}; write a server such as http://host:5000, or a database such as "
            f"sqlite:///team.db (known: {', '.join(SCHEMES)})"
        )
    return uri


class Tracking(Record):
    """MLflow: ``uri`` defaults to one sqlite beside the run folders, shared by all sweeps.

    ``experiment`` defaults to the sweep's name. ``enabled: false`` keeps the journal alone.
    """

    experiment: str | None = Field(None, min_length=1)
    uri: Annotated[str, AfterValidator(check_uri)] | None = None
    enabled: bool = True
    register_winner: bool = True
