"""The frozen base that adapters attach to."""

from autopeft.spec.record import Record


class Model(Record):
    """``base`` is ``autopeft/tiny-clap`` (shipped), a Hugging Face Hub id or a local folder."""

    base: str = "autopeft/tiny-clap"
    revision: str | None = None
