"""Past runs in the words of a new space: every trial with a value, best first."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, FiniteFloat, model_validator

from autopeft.spec.first_points import with_choices
from autopeft.spec.record import Record
from autopeft.spec.search import Search
from autopeft.spec.space import Space
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class PastTrial:
    """A trial that ran its course.

    Attributes:
        cube: Its point in the new space; partial where the new space has more, or other values.
        loss: Its first objective as a number to minimise.
    """

    cube: Mapping[str, float]
    loss: float


@dataclass(frozen=True, slots=True)
class PastRun:
    """The trials of one sweep, or of one side of a recorded domain, best first."""

    name: str
    trials: tuple[PastTrial, ...]

    @property
    def best(self) -> PastTrial:
        """The trial with the least loss."""
        return self.trials[0]


def past_run(name: str, history: History, space: Space) -> PastRun:
    """Return what a sweep's history says in the words of ``space``."""
    trials = [
        (cube_in(space, trial.values), history.loss(trial.metrics)) for trial in history.ranked()
    ]
    return run_of(name, [(cube, loss) for cube, loss in trials if cube])


def read_past_run(run: RunFolder, space: Space) -> PastRun:
    """Return what a run folder says in the words of ``space``.

    Raises:
        AutopeftError: The folder cannot be read.
    """
    return past_run(run.path.name, run.history(), space)


def run_of(name: str, trials: Iterable[tuple[Mapping[str, float], float]]) -> PastRun:
    """Return a run made of points and losses; what has no finite loss is left out."""
    finite = [PastTrial(dict(cube), loss) for cube, loss in trials if math.isfinite(loss)]
    return PastRun(name, tuple(sorted(finite, key=lambda trial: trial.loss)))


def distinct(runs: Sequence[PastRun]) -> list[dict[str, float]]:
    """Return the points of all runs, the same ones once."""
    points = {tuple(sorted(trial.cube.items())): trial.cube for run in runs for trial in run.trials}
    return [dict(cube) for cube in points.values()]


class Trials(Record):
    """A run's trials as a file keeps them, one at least.

    Attributes:
        cubes: Their points.
        losses: Their losses, to be minimised.
    """

    cubes: tuple[dict[str, float], ...] = Field(min_length=1)
    losses: tuple[FiniteFloat, ...]

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if len(self.cubes) != len(self.losses):
            raise ValueError(f"{len(self.cubes)} points and {len(self.losses)} losses")
        return self

    @classmethod
    def of(cls, run: PastRun) -> Self:
        """Return the trials of a run."""
        return cls(
            cubes=tuple(dict(trial.cube) for trial in run.trials),
            losses=tuple(trial.loss for trial in run.trials),
        )

    def run(self, name: str) -> PastRun:
        """Return them as a run again."""
        return run_of(name, zip(self.cubes, self.losses, strict=True))


def cube_in(space: Space, values: Mapping[str, Any]) -> dict[str, float]:
    """Return where ``values`` lie; those that the space does not have are left out.

    Example:
        >>> from autopeft.spec.space import Dimension
        >>> space = Space((Dimension("rate", "float", 0.0, 2.0), Dimension("size", "int", 1, 4)))
        >>> cube_in(space, {"rate": 0.5, "size": 9, "else": 1})
        {'rate': 0.25}
    """
    known = {name: value for name, value in values.items() if _is_in(space, name, value)}
    known = with_choices(known, space)
    fitting = {
        name: value
        for name, value in known.items()
        if (when := space[name].when) is None or known[when[0]] == space[when[0]].choices[when[1]]
    }
    return space.encode(fitting)


def _is_in(space: Space, name: str, value: Any) -> bool:
    """Whether the space has this parameter, and this value of it."""
    if name not in {dimension.name for dimension in space.dimensions}:
        return False
    try:
        space[name].position(value)
    except (ValueError, TypeError):
        return False
    return True


def first_objective(search: Search) -> tuple[str, str]:
    """Return the metric that decides what is best, and whether it is to be low or high."""
    return next(iter(search.objectives.items()))


def found_runs(pattern: str) -> list[RunFolder]:
    """Return the run folders that a path, or a pattern, names; in the order of their names."""
    path = Path(pattern)
    candidates: Sequence[Path] = [path]
    if not path.is_dir():
        parts = path.parts
        fixed = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
        if fixed == len(parts):
            return []
        candidates = sorted(Path(*parts[:fixed]).glob(str(Path(*parts[fixed:]))))
    return [run for run in map(RunFolder, candidates) if run.is_one]
