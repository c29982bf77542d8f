"""Optuna's samplers through ask and tell, driven by us.

Continuous axes and ordered levels are floats and integers to Optuna, unordered levels are
categories; a conditional axis is suggested only where its choice was taken. NaN and infinite
values are told as failures: Optuna would leave such a trial running for ever.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial

from autopeft.searchers.base import (
    INFEASIBLE,
    Done,
    Failed,
    Outcome,
    Proposal,
    Pruned,
    Setting,
    Value,
    Wait,
    outcome_as_json,
    replay,
)
from autopeft.searchers.costs import Costs
from autopeft.spec.space import Axis, Cube, level_of, middle_of, snapped

MOST_BROKEN = 1e50
MOST_DRAWS = 10


class OptunaSearcher:
    """One Optuna study in memory; its state is the calls made so far, replayed by ``load``.

    Args:
        sampler: Optuna's.
        setting: What to search.
        knows_constraints: Whether the sampler does; for one that does not, a point that breaks a
            constraint has a value worse than all others.
        cost_aware: Whether a point is the more often drawn again the more its branch costs.
        counts_own: Whether the sampler learns only from points that it drew itself; then it draws
            one for every point that is given to it, too.
    """

    def __init__(
        self,
        sampler: optuna.samplers.BaseSampler,
        setting: Setting,
        *,
        knows_constraints: bool = True,
        counts_own: bool = False,
        cost_aware: bool = False,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._axes, self._directions = setting.axes, setting.directions
        self._knows_constraints, self._counts_own = knows_constraints, counts_own
        self._study = optuna.create_study(
            sampler=sampler,
            directions=["maximize" if d == "max" else "minimize" for d in setting.directions],
        )
        # Kept here, because asking the study for one trial copies all of them.
        self._open: dict[int, optuna.trial.Trial] = {}
        self._cubes: dict[int, Cube] = {}
        self._costs = Costs(setting.axes) if cost_aware else None
        self._seed = setting.seed
        self._first = list(setting.first)
        self._asked = setting.begin
        self._calls: list[list[Any]] = []

    def ask(self) -> Proposal | Wait | Done:
        """Return Optuna's next suggestion as a point of the cube."""
        number = self._asked
        trial, cube = (
            self._affordable(number) if not self._first else self._next(self._first.pop(0))
        )
        self._asked += 1
        self._open[number], self._cubes[number] = trial, cube
        self._calls.append(["ask"])
        return Proposal(number, cube)

    def _affordable(self, number: int) -> tuple[optuna.trial.Trial, dict[str, float]]:
        """Return a suggestion, the more probably the less its branch costs.

        Each is kept with the probability of cheapest cost over own cost, else drawn again: branches
        that the sampler likes equally get equal time, not equally many trials, and one that it
        likes much more still gets most.
        """
        trial, cube = self._next(None)
        if self._costs is None:
            return trial, cube
        dice = np.random.default_rng([self._seed, number])
        for _ in range(MOST_DRAWS):
            if dice.random() < self._costs.share(self._costs.branch(cube)):
                break
            self._study.tell(trial, state=TrialState.FAIL)
            trial, cube = self._next(None)
        return trial, cube

    def adopt(self, number: int, cube: Cube) -> None:
        """Let Optuna take ``cube`` for its own suggestion in the place of what that was."""
        former = self._open.pop(number, None)
        if former is not None:
            self._study.tell(former, state=TrialState.FAIL)
        self._open[number], self._cubes[number] = self._next(cube)
        self._asked = max(self._asked, number + 1)
        self._calls.append(["adopt", number, dict(cube)])

    def _next(self, given: Cube | None) -> tuple[optuna.trial.Trial, dict[str, float]]:
        """Return Optuna's next trial and its point: ``given``, completed where that is partial."""
        if given is not None:
            self._study.enqueue_trial(words(self._axes, given))
        trial = self._study.ask()
        if given is not None and self._counts_own:
            trial.relative_params  # noqa: B018  # draws, as suggesting does where nothing is given
        cube: dict[str, float] = {}
        taken: dict[str, int] = {}
        for axis in self._axes:
            if axis.when is not None and taken.get(axis.when[0]) != axis.when[1]:
                continue
            if axis.levels is None:
                cube[axis.name] = snapped(trial.suggest_float(axis.name, 0.0, 1.0), axis.grain)
                continue
            level = int(
                trial.suggest_int(axis.name, 0, axis.levels - 1)
                if axis.ordered
                else trial.suggest_categorical(axis.name, list(range(axis.levels)))
            )
            taken[axis.name] = level
            cube[axis.name] = middle_of(level, axis.levels)
        return trial, cube

    def tell(self, number: int, outcome: Outcome) -> None:
        """Tell Optuna; a pruned trial keeps its value at the step it reached.

        The first outcome of a proposal counts, a second one is ignored.
        """
        trial = self._open.pop(number, None)
        if trial is None:
            return
        self._calls.append(["tell", number, outcome_as_json(outcome)])
        self._note_cost(self._cubes.pop(number), outcome)
        outcome = self._understood(outcome)
        match outcome:
            case Value(values, violations) if _is_usable(outcome):
                self._tell(trial, violations, values=list(values))
            case Pruned(values, step, violations) if _is_usable(outcome):
                if len(values) == 1:  # Optuna knows no pruning with several objectives
                    trial.report(values[0], step)
                    self._tell(trial, violations, state=TrialState.PRUNED)
                else:
                    self._tell(trial, violations, values=list(values))
            case _:
                self._study.tell(trial, state=TrialState.FAIL)

    def add(self, cube: Cube, outcome: Outcome) -> None:
        """Let the sampler learn from a point that it did not propose; only finite values count."""
        call = ["add", dict(cube), outcome_as_json(outcome)]
        self._note_cost(cube, outcome)
        outcome = self._understood(outcome)
        if not isinstance(outcome, Value | Pruned) or not _is_usable(outcome):
            return
        present = [axis for axis in self._axes if axis.name in cube]
        self._study.add_trial(
            create_trial(
                params=words(present, cube),
                distributions={axis.name: distribution_of(axis) for axis in present},
                values=list(outcome.values),
                constraints=dict(_named(outcome.violations)),
            )
        )
        self._calls.append(call)

    def state(self) -> dict[str, Any]:
        """Return the calls made so far, and the version they were made with."""
        return {"optuna": optuna.__version__, "calls": list(self._calls)}

    def load(self, state: dict[str, Any]) -> None:
        """Make the same calls again: the sampler's random state follows from them."""
        replay(self, state["calls"])

    def _note_cost(self, cube: Cube, outcome: Outcome) -> None:
        if self._costs is not None:
            self._costs.note(cube, outcome.seconds)

    def _understood(self, outcome: Outcome) -> Outcome:
        """Return the outcome with its constraints in the values, if the sampler needs that."""
        if self._knows_constraints or isinstance(outcome, Failed) or not _is_usable(outcome):
            return outcome
        broken = sum(max(violation, 0.0) for violation in outcome.violations)
        if broken > 0:
            worst = INFEASIBLE * (1 + min(broken, MOST_BROKEN))
            values = tuple(-worst if d == "max" else worst for d in self._directions)
            return replace(outcome, values=values, violations=())
        return replace(outcome, violations=())

    def _tell(
        self,
        trial: optuna.trial.Trial,
        violations: Sequence[float],
        *,
        values: Sequence[float] | None = None,
        state: TrialState | None = None,
    ) -> None:
        for name, violation in _named(violations):
            trial.set_constraint(name, violation)
        self._study.tell(trial, values, state=state)


def distribution_of(axis: Axis) -> BaseDistribution:
    """Return what the axis is to Optuna."""
    if axis.levels is None:
        return FloatDistribution(0.0, 1.0)
    if axis.ordered:
        return IntDistribution(0, axis.levels - 1)
    return CategoricalDistribution(list(range(axis.levels)))


def _is_usable(outcome: Value | Pruned) -> bool:
    """Whether Optuna takes it: its constraints must be numbers, its values finite ones."""
    known = not any(map(math.isnan, outcome.violations))
    return known and all(map(math.isfinite, outcome.values))


def _named(violations: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Yield Optuna's constraints: a name and by how much it is broken."""
    for index, violation in enumerate(violations):
        yield str(index), violation


def words(axes: Sequence[Axis], cube: Cube) -> dict[str, Any]:
    """Return a point in Optuna's parameters: levels as whole numbers."""
    present = {axis.name: axis.levels for axis in axes if axis.name in cube}
    return {
        name: cube[name] if levels is None else level_of(cube[name], levels)
        for name, levels in present.items()
    }
