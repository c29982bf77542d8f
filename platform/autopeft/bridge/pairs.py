"""Pairs: what a proxy's sweep says on one data set, and where the target's optimum was there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from autopeft.bridge.past import PastRun
from autopeft.bridge.surface import optimum, surface
from autopeft.core.errors import DataError
from autopeft.data.description import description
from autopeft.spec.record import Record
from autopeft.spec.space import Axis
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import Kind
from autopeft.tracking.history import History

GROUPS = ("optimum", "surface", "data")


class Seen(Record):
    """What is known of a scenario before its target is tuned; numbers by name.

    Attributes:
        optimum: The proxy's best point.
        surface: The shape of the proxy's response.
        data: What is known of the data.
        loss: The proxy's best loss; bridges of earlier versions do not know it.
    """

    optimum: dict[str, float]
    surface: dict[str, float]
    data: dict[str, float] = Field(default_factory=dict)
    loss: float | None = None

    def numbers(self, groups: Sequence[str]) -> dict[str, float]:
        """Return the numbers of some groups together."""
        return {
            f"{group}: {name}": value
            for group in groups
            for name, value in getattr(self, group).items()
        }


class Pair(Record):
    """One scenario: what was seen, where the target's best point lay, and what it lost there.

    ``runs`` are the run folders of both sides, by name.
    """

    scenario: str
    seen: Seen
    target: dict[str, float]
    loss: float
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sweeps of a scenario, with all their trials; one that lacks is ``None``."""

    scenario: str
    proxy: PastRun | None
    target: PastRun | None
    data: Mapping[str, float]


def seen_by(proxy: PastRun, axes: Sequence[Axis], data: Mapping[str, float]) -> Seen:
    """Return what a proxy's run tells, together with what is known of the data."""
    return Seen(
        optimum=optimum(proxy, axes),
        surface=surface(proxy, axes),
        data=dict(data),
        loss=proxy.best.loss,
    )


def pair_of(sides: Sides, proxy_axes: Sequence[Axis]) -> Pair | None:
    """Return the pair, or nothing if a side has no trial that ran to its end."""
    proxy, target = sides.proxy, sides.target
    if proxy is None or target is None or not proxy.trials or not target.trials:
        return None
    return Pair(
        scenario=sides.scenario,
        seen=seen_by(proxy, proxy_axes, sides.data),
        target=dict(target.best.cube),
        loss=target.best.loss,
        runs=(proxy.name, target.name),
    )


def missing(sides: Sequence[Sides]) -> Iterator[str]:
    """Yield which scenarios make no pair, and why."""
    for side in sides:
        for word, run in (("proxy", side.proxy), ("target", side.target)):
            if run is None or not run.trials:
                yield f"{side.scenario}: its {word} has no trial that ran to its end"


def data_features(sweep: Sweep, history: History) -> dict[str, float]:
    """Return what a sweep's data says in numbers.

    Its settings, how much there is and how it sounds, and the base's zero-shot score if that was a
    baseline. Data that is no longer where it was is told by its settings alone.
    """
    middle = sweep.trial(sweep.space.decode({d.name: 0.5 for d in sweep.space.dimensions}))
    data = getattr(middle.task, "data", None)
    settings: dict[str, Any] = {} if data is None else data.model_dump(mode="json")
    found = {
        name: float(value)
        for name, value in settings.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
        if name not in ("seed", *getattr(data, "hidden", ()))
    }
    if data is not None:
        with suppress(DataError):
            found |= description(data)
    metric = next(iter(history.search.objectives))
    for group in history.groups(Kind.BASELINE):
        if group.name == "zero-shot" and (score := group.mean(metric)) is not None:
            found["zero-shot"] = score
    return found
