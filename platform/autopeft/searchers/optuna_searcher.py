"""Optuna's samplers through ask and tell, driven by us.

Continuous axes and ordered levels are floats and integers to Optuna, unordered levels are
categories; a conditional axis is suggested only where its choice was taken. NaN and infinite
values are told as failures: Optuna would leave such a trial running for ever. A sampler that learns
from pruned trials sees a paused one as such, until its next outcome takes the place of that.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from autopeft.searchers.base import (
    INFEASIBLE,
    Done,
    Failed,
    Interim,
    Outcome,
    Proposal,
    Pruned,
    Setting,
    Spot,
    Value,
    Wait,
    outcome_as_json,
    replay,
    spot,
)
from autopeft.searchers.costs import Costs
from autopeft.searchers.optuna_storage import StorageWithPauses
from autopeft.spec.space import Axis, Cube, level_of, middle_of, snapped

MOST_BROKEN = 1e50
MOST_DRAWS = 10


@dataclass(slots=True)
class Given:
    """A point that is out.

    Attributes:
        trial: Optuna's.
        cube: The point.
        interim: What was told of it when it paused, if it did.
        shown: What samplers see of it, if they do.
    """

    trial: optuna.trial.Trial
    cube: Cube
    interim: Interim | None = None
    shown: Interim | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An outcome in Optuna's words; it knows no pruning where there are several objectives.

    Attributes:
        state: What became of the trial.
        values: One per objective, if it has any.
        constraints: By name, by how much it is broken.
        reported: The value of a pruned trial, by its last step.
    """

    state: TrialState
    values: list[float] | None = None
    constraints: Mapping[str, float] = field(default_factory=dict)
    reported: Mapping[int, float] = field(default_factory=dict)


class OptunaSearcher:
    """One Optuna study in memory; its state is the calls made so far, replayed by ``load``.

    Args:
        sampler: Optuna's.
        setting: What to search.
        knows_constraints: Whether the sampler does; for one that does not, a point that breaks a
            constraint has a value worse than all others.
        cost_aware: Whether a point is the more often drawn again the more its branch costs.
        learns_from_pruned: Whether the sampler does, where there is one objective.
        counts_own: Whether the sampler learns only from points that it drew itself; then it draws
            one for every point that is given to it, too.
    """

    def __init__(
        self,
        sampler: optuna.samplers.BaseSampler,
        setting: Setting,
        *,
        knows_constraints: bool = True,
        learns_from_pruned: bool = False,
        counts_own: bool = False,
        cost_aware: bool = False,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._axes, self._directions = setting.axes, setting.directions
        self._knows_constraints, self._counts_own = knows_constraints, counts_own
        self._learns_from_pruned = learns_from_pruned
        self._storage = StorageWithPauses()
        self._study = optuna.create_study(
            sampler=sampler,
            storage=self._storage,
            directions=["maximize" if d == "max" else "minimize" for d in setting.directions],
        )
        self._out: dict[int, Given] = {}
        self._paused_elsewhere: dict[Spot, Given] = {}
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
        self._out[number] = Given(trial, cube)
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
        former = self._out.pop(number, None)
        if former is not None:
            self._learn(former, Failed("not evaluated"))
        self._out[number] = Given(*self._next(cube))
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

        The first outcome of a proposal that is not interim counts, a later one is ignored.
        """
        given = self._out.pop(number, None)
        if given is None:
            return
        self._calls.append(["tell", number, outcome_as_json(outcome)])
        self._learn(given, outcome)
        if given.interim is not None:
            self._out[number] = given

    def add(self, cube: Cube, outcome: Outcome) -> None:
        """Let the sampler learn from a point that it did not propose; only finite values count."""
        self._calls.append(["add", dict(cube), outcome_as_json(outcome)])
        given = self._paused_elsewhere.pop(spot(cube), None)
        if given is None and isinstance(outcome, Interim):
            given = Given(*self._next(cube))
        if given is None:
            self._note_cost(cube, outcome)
            frozen = self._frozen(cube, self._understood(outcome))
            if frozen.state is not TrialState.FAIL:
                self._study.add_trial(frozen)
            return
        self._learn(given, outcome)
        if given.interim is not None:
            self._paused_elsewhere[spot(cube)] = given

    def state(self) -> dict[str, Any]:
        """Return the calls made so far, and the version they were made with."""
        return {"optuna": optuna.__version__, "calls": list(self._calls)}

    def load(self, state: dict[str, Any]) -> None:
        """Make the same calls again: the sampler's random state follows from them."""
        replay(self, state["calls"])

    def _learn(self, given: Given, outcome: Outcome) -> None:
        """Let Optuna have an outcome of a trial that is out; an interim one leaves it out."""
        self._note_cost(given.cube, outcome, before=given.interim)
        given.interim = outcome if isinstance(outcome, Interim) else None
        trial, outcome = given.trial, self._understood(outcome)
        if isinstance(outcome, Interim):
            self._show(given, outcome)
            return
        self._storage.end_pause(trial.number)
        found = self._found(outcome)
        if found.state is TrialState.FAIL and given.shown and len(self._directions) > 1:
            # A population that holds it expects values: it was stopped where it paused.
            found = self._found(given.shown)
        for step, value in found.reported.items():
            trial.report(value, step)
        for name, violation in found.constraints.items():
            trial.set_constraint(name, violation)
        values = found.values if found.state is TrialState.COMPLETE else None
        self._study.tell(trial, values, state=found.state)

    def _show(self, given: Given, interim: Interim) -> None:
        """Let samplers see what a paused trial has come to, if they learn from what is pruned.

        To the others it must go on running: what is pruned they leave behind, once and for all,
        and would miss that it completed.
        """
        frozen = self._frozen(given.cube, interim)
        is_seen = frozen.state is TrialState.COMPLETE or self._learns_from_pruned
        if is_seen and frozen.state is not TrialState.FAIL:
            self._storage.pause(given.trial.number, frozen)
            given.shown = interim

    def _frozen(self, cube: Cube, outcome: Outcome) -> FrozenTrial:
        """Return a trial of Optuna's that came to ``outcome``."""
        found = self._found(outcome)
        present = [axis for axis in self._axes if axis.name in cube]
        return create_trial(
            state=found.state,
            params=words(present, cube),
            distributions={axis.name: distribution_of(axis) for axis in present},
            values=found.values,
            intermediate_values=dict(found.reported),
            constraints=dict(found.constraints),
        )

    def _found(self, outcome: Outcome) -> Found:
        """Return what an outcome is to Optuna."""
        if isinstance(outcome, Failed) or not _is_usable(outcome):
            return Found(TrialState.FAIL)
        values, constraints = list(outcome.values), dict(_named(outcome.violations))
        if isinstance(outcome, Value) or len(values) > 1:
            return Found(TrialState.COMPLETE, values, constraints)
        return Found(TrialState.PRUNED, values, constraints, {outcome.step: values[0]})

    def _note_cost(self, cube: Cube, outcome: Outcome, before: Interim | None = None) -> None:
        if self._costs is not None:
            noted = before.seconds if before is not None else None
            self._costs.note(cube, outcome.seconds, before=noted)

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
