"""Where sounds and captions come from, and how they are split."""

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

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


class Conditions(Record):
    """How procedural sounds are heard: room, pass band, clipping, background.

    ``shift`` 0 leaves the sound clean, 1 applies the rest in full. ``reverb_s`` is the time in
    which the reverberation decays by 60 dB, ``wet`` its loudness relative to the direct sound,
    ``low_hz`` to ``high_hz`` the pass band, ``drive`` the gain before the tanh clipping (the
    sound's peak is 1). ``background_db`` is the range of the signal-to-background ratio; the
    background's power falls as 1/f**``background_slope`` (0 white, 1 pink, 2 brown).
    """

    shift: float = Field(0.0, ge=0, le=1)
    reverb_s: float = Field(0.1, gt=0, le=10)
    wet: float = Field(0.0, ge=0, le=10)
    low_hz: float = Field(0.0, ge=0, le=4000)
    high_hz: float = Field(4000.0, gt=0, le=4000)
    drive: float = Field(0.0, ge=0, le=100)
    background_db: tuple[float, float] = (15.0, 35.0)
    background_slope: float = Field(0.0, ge=0, le=3)


class ProceduralData(Record):
    """Sound events made by formula, 28 captions, clean or in a shifted domain.

    ``conditions`` are a domain of your own and take the place of ``domain``. ``renamed`` is the
    share of captions that mean another sound here than the base learnt, in all three splits;
    ``wrong_captions`` the share of training clips with a caption that is not theirs.
    ``source_clips`` clean clips measure what adaptation forgets.
    """

    # Of real data nobody would know these beforehand, so a bridge does not see them either.
    hidden: ClassVar[tuple[str, ...]] = ("renamed", "wrong_captions")

    kind: Literal["procedural"] = "procedural"
    domain: Literal["clean", "workshop", "hall", "telephone", "street"] = "workshop"
    conditions: Conditions | None = None
    renamed: float = Field(0.0, ge=0, le=1)
    wrong_captions: float = Field(0.0, ge=0, lt=1)
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
