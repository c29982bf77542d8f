"""Where sounds and captions come from, and how they are split."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from autopeft.spec.record import Record


class Split(Record):
    """Shares of the clips that train, steer the search, and are kept for the end; sum 1."""

    train: float = Field(0.5, gt=0, lt=1)
    validation: float = Field(0.25, gt=0, lt=1)
    test: float = Field(0.25, gt=0, lt=1)

    @model_validator(mode="after")
    def _sum_is_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test is {total:g}, it must be 1")
        return self


class ProceduralData(Record):
    """Sound events made by formula, 28 captions, clean or in a shifted domain.

    ``source_clips`` clean clips measure what adaptation forgets.
    """

    kind: Literal["procedural"] = "procedural"
    domain: Literal["clean", "workshop", "hall", "telephone", "street"] = "workshop"
    clips: int = Field(1120, ge=28)
    source_clips: int = Field(280, ge=0)
    split: Split = Split()
    seed: int = Field(0, ge=0)


class FolderData(Record):
    """Sound files with their captions in a CSV (columns ``file``, ``caption``).

    ``path`` is the folder (relative to the search file), ``captions`` the CSV inside it. An
    optional CSV column ``split`` (train, validation, test) replaces the seeded split; an optional
    column ``group`` keeps clips of one group (a speaker, a recording) in one split.
    """

    kind: Literal["folder"] = "folder"
    path: str
    captions: str = "captions.csv"
    clips: int | None = Field(None, ge=3)
    split: Split = Split()
    seed: int = Field(0, ge=0)


Data: TypeAlias = Annotated[ProceduralData | FolderData, Field(discriminator="kind")]
