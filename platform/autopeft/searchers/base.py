"""The searcher's protocol: ask for a point, tell what came of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, TypeAlias

from autopeft.spec.record import Record
from autopeft.spec.search import Direction
from autopeft.spec.searcher import ChoosingSearcher
from autopeft.spec.space import Axis, Cube
from autopeft.spec.warm_start import Opening

# Times one plus the violation, the loss of a point that breaks a constraint: worse than that of
# every feasible one, and the less so the nearer it is (Deb, 2000).
INFEASIBLE = 1e200
# How far two numbers of the unit cube may differ and be one point: far more than rounding, far
# less than what a searcher or a training could tell apart.
SAME_WITHIN = 1e-9

Spot: TypeAlias = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A point of the unit cube to evaluate; ``number`` counts the asks from 0."""

    number: int
    cube: Cube


def is_same_point(cube: Cube, other: Cube) -> bool:
    """Whether two points are one, but for what processors round differently.

    Example:
        >>> is_same_point({"x": 0.3}, {"x": 0.1 + 0.2}), is_same_point({"x": 0.3}, {"x": 0.31})
        (True, False)
    """
    near = (abs(cube[name] - other[name]) <= SAME_WITHIN for name in cube.keys() & other.keys())
    return cube.keys() == other.keys() and all(near)


def spot(cube: Cube) -> Spot:
    """Return a point as what a dictionary takes for a key.

    Example:
        >>> spot({"y": 0.5, "x": 0.25})
        (('x', 0.25), ('y', 0.5))
    """
    return tuple(sorted(cube.items()))


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing now: ask again after the next result."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more, ever: the space is exhausted or the search has converged."""

    reason: str


@dataclass(frozen=True, slots=True)
class Value:
    """All steps were run; one number per objective, as the user counts them.

    ``violations`` says by how much each constraint is broken, 0 or less where it holds; ``seconds``
    how long the trial kept its worker, if that is known.
    """

    values: tuple[float, ...]
    violations: tuple[float, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """Stopped early at ``step`` with these values."""

    values: tuple[float, ...]
    step: int
    violations: tuple[float, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Interim(Pruned):
    """Paused at ``step`` with these values; another outcome may follow, and replaces this one."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No value: the configuration failed, or cannot be."""

    reason: str
    seconds: float | None = None


Outcome: TypeAlias = Value | Pruned | Failed


def number_as_json(number: float) -> float | str:
    """Return a number as JSON, which has neither infinity nor NaN; ``float`` reads it back.

    Example:
        >>> number_as_json(0.5), number_as_json(-math.inf), float(number_as_json(math.nan))
        (0.5, '-inf', nan)
    """
    return number if math.isfinite(number) else str(number)


def outcome_as_json(outcome: Outcome) -> list[Any]:
    """Return an outcome as plain data, for a searcher's state."""
    found = [getattr(outcome, field.name) for field in fields(outcome)]
    return [
        type(outcome).__name__,
        *(list(map(number_as_json, f)) if isinstance(f, tuple) else f for f in found),
    ]


def outcome_from_json(data: Sequence[Any]) -> Outcome:
    """Return the outcome that ``outcome_as_json`` made ``data`` from."""
    kinds: dict[str, Callable[..., Outcome]] = {
        kind.__name__: kind for kind in (Value, Pruned, Interim, Failed)
    }
    kind, *found = data
    return kinds[kind](*(tuple(map(float, f)) if isinstance(f, list) else f for f in found))


class Searcher(Protocol):
    """Proposes points; deterministic given its seed and the order of calls.

    ``state`` is JSON; ``load`` on a fresh searcher of the same options makes it go on exactly
    where ``state`` was taken.
    """

    def ask(self) -> Proposal | Wait | Done:
        """Return the next point, or that there is none now, or none ever."""

    def tell(self, number: int, outcome: Outcome) -> None:
        """Take the outcome of proposal ``number``; outcomes may come in any order.

        The first one that is no ``Interim`` is the last that counts; of interim ones each replaces
        the one before.
        """

    def adopt(self, number: int, cube: Cube) -> None:
        """Know that proposal ``number`` was ``cube``, whatever was, or would have been, proposed.

        Its outcome is told as any other's. So points of a journal are taken that this searcher
        did not propose: another machine rounded otherwise, or the space has changed since. A number
        that was not asked for counts as asked, together with those below it.
        """

    def state(self) -> dict[str, Any]:
        """Return what ``load`` needs, as JSON."""

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state; only on a searcher that was not asked yet."""


class Learner(Searcher, Protocol):
    """A searcher that also learns from points that it did not propose."""

    def add(self, cube: Cube, outcome: Outcome) -> None:
        """Take the outcome of a point that somebody else proposed.

        It replaces an ``Interim`` of the same point.
        """


def replay(searcher: Learner, calls: Sequence[Sequence[Any]]) -> None:
    """Make calls again that a searcher took down: its name and arguments, outcomes as JSON."""
    for call, *arguments in calls:
        match call:
            case "ask":
                searcher.ask()
            case "adopt":
                searcher.adopt(*arguments)
            case "add":
                searcher.add(arguments[0], outcome_from_json(arguments[1]))
            case _:
                searcher.tell(arguments[0], outcome_from_json(arguments[1]))


@dataclass(frozen=True, slots=True)
class Prior:
    """Where the best point is believed to lie.

    Attributes:
        mean: Per axis, its expected position; an axis left out is not known about.
        spread: Per axis, how far the best may lie from it (a standard deviation).
    """

    mean: Cube
    spread: Cube


@dataclass(frozen=True, slots=True)
class Hedge:
    """A guess that is dropped where its own trial shows it wrong.

    Attributes:
        points: Complete points to propose first; the first one is the guess.
        limit: The loss above which it was wrong; to be minimised, whatever the direction.
    """

    points: tuple[Cube, ...]
    limit: float


@dataclass(frozen=True, slots=True)
class Setting:
    """What a searcher is made for.

    Attributes:
        axes: The unit cube's axes.
        directions: ``min`` or ``max`` per objective.
        seed: Of everything random.
        first: Points to propose first, complete or partial; a point with a conditional axis has
            the choice it depends on.
        timed: Whether the budget is time, so that it matters what a trial costs.
        begin: Number of the first proposal; lower ones come only by ``adopt``.
        prior: What is believed beforehand; Nelder-Mead's first simplex is centred and sized by it.
        box: Per axis, the part of [0, 1] that a searcher without a prior searches at first.
        hedge: A guess to try before prior and box are believed.
    """

    axes: tuple[Axis, ...]
    directions: tuple[Direction, ...]
    seed: int
    first: tuple[Cube, ...] = ()
    timed: bool = False
    begin: int = 0
    prior: Prior | None = None
    box: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    hedge: Hedge | None = None


def opened(setting: Setting, opening: Opening) -> Setting:
    """Return the setting of a search that begins with what a warm start came to."""
    setting = replace(
        setting,
        prior=Prior(opening.mean, opening.spread) if opening.mean else None,
        box=opening.box,
    )
    if opening.limit is None:
        return replace(setting, first=(*setting.first, *opening.first))
    return replace(setting, hedge=Hedge(opening.first, opening.limit))


def reckons_with_costs(options: ChoosingSearcher, setting: Setting) -> bool:
    """Whether a searcher is to prefer branches whose trials are cheap: if asked, or by budget."""
    return setting.timed if options.cost_aware == "auto" else options.cost_aware


def make_searcher(options: Record, setting: Setting) -> Searcher:
    """Return the searcher that ``options`` (a record of ``spec.search``) describes.

    One that takes no prior searches the setting's box, if there is one, and widens it. With a hedge
    the searcher is made twice, with and without the guess.

    Args:
        options: Its ``kind`` names the entry; its ``seed``, if any, replaces the setting's.
        setting: What to search.
    """
    from autopeft.searchers import SEARCHERS  # the table names this module's neighbours

    own = getattr(options, "seed", None)
    if own is not None:
        setting = replace(setting, seed=own)
    if setting.hedge is not None:
        from autopeft.searchers.hedged import Hedged

        return Hedged(options, setting)
    if setting.box and not getattr(options, "takes_prior", False):
        from autopeft.searchers.narrowed import Narrowed

        return Narrowed(options, setting)
    searcher: Searcher = SEARCHERS.load(getattr(options, "kind", ""))(options, setting)
    return searcher
