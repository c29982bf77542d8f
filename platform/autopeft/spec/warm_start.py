"""What a search begins with that others have learnt, and the words a user asks for it with."""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from autopeft.spec.record import Record


class Opening(Record):
    """What a warm start came to: the journal holds it, so that a resume needs no other run.

    Attributes:
        kind: The warm start's.
        first: Points of the unit cube to propose first, complete or partial.
        box: Per axis, the part of [0, 1] to search at first; an axis left out is searched whole.
        mean: Per axis, where the best point is believed to lie.
        spread: Per axis, how far from there it may lie (a standard deviation).
        limit: The loss (a number to minimise) above which the first point's trial shows that all
            this was wrong; the search then goes on without it.
        sources: The runs it was learnt from, by the names of their folders.
        remarks: What a reader should know, a sentence each.
    """

    kind: str
    first: tuple[dict[str, float], ...] = ()
    box: dict[str, tuple[float, float]] = Field(default_factory=dict)
    mean: dict[str, float] = Field(default_factory=dict)
    spread: dict[str, float] = Field(default_factory=dict)
    limit: float | None = None
    sources: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class RunsWarmStart(Record):
    """What every warm start from past runs has: which ones.

    ``runs`` are run folders, or patterns such as ``runs/workshop-*``.
    """

    narrows: ClassVar[bool] = False

    runs: tuple[str, ...] = Field(min_length=1)


class BestOfHistory(RunsWarmStart):
    """The best configurations of past runs come first: each run's best, then each one's second."""

    kind: Literal["best_of_history"] = "best_of_history"
    points: int = Field(4, ge=1, le=100)


class Quantiles(RunsWarmStart):
    """Configurations that rank high in all past runs together (Salinas et al., 2020).

    Losses become normal scores of their ranks, run by run, so that no scale is assumed; the points
    are Thompson draws from a forest over all of them.
    """

    kind: Literal["quantiles"] = "quantiles"
    points: int = Field(8, ge=1, le=100)


class BoundingBox(RunsWarmStart):
    """The search begins in the box around past runs' optima (Perrone et al., 2019).

    ``margin`` is added on each side, as a part of the whole axis. The box widens where the best
    result lies at its edge; a simplex begins in its middle.
    """

    kind: Literal["bounding_box"] = "bounding_box"
    narrows: ClassVar[bool] = True
    margin: float = Field(0.05, ge=0, le=1)


class ZeroShotPortfolio(RunsWarmStart):
    """A portfolio, chosen greedily: together its points do well on all past runs.

    After Wistuba et al. (2015): each next point is the one that lowers the mean, over the runs, of
    the best loss in the portfolio the most; what a run did not try is filled in by a forest.
    """

    kind: Literal["zero_shot"] = "zero_shot"
    points: int = Field(6, ge=1, le=100)


class Bridge(Record):
    """A model bridge predicts the optimum from that of a cheap proxy on the same data.

    ``model`` is what ``autopeft bridge fit`` wrote, ``proxy`` the run folder of the proxy's sweep
    on the new data. Without it the sweep first tunes the proxy itself, as a sweep beside its own,
    on its own ``task.data`` (and those constants of ``task.parameters`` that the proxy has too);
    ``overrides`` are what else is different of that, as in a bridge file's scenario. ``features``
    are what else is known of the data, by the names that the bridge was fitted with. The prediction
    comes first; where such predictions miss, what did well where the proxy looked alike follows it,
    ``points`` in all. Where cross-validation found no signal, the best of the bridge's own history
    comes first instead, and it is said.
    """

    kind: Literal["bridge"] = "bridge"
    narrows: ClassVar[bool] = True
    model: str
    proxy: str | None = None
    overrides: dict[str, Any] = Field(default_factory=dict)
    features: dict[str, float] = Field(default_factory=dict)
    points: int = Field(7, ge=1, le=100)


WarmStart: TypeAlias = Annotated[
    BestOfHistory | Quantiles | BoundingBox | ZeroShotPortfolio | Bridge,
    Field(discriminator="kind"),
]
