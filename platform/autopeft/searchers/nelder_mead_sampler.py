"""Nelder and Mead's search as an Optuna sampler; needs neither Ray nor a search file.

The study's stored trials are the truth: before each suggestion the sampler takes in what has ended
since the last one, whoever ran it. So a study resumes in a new process (at the very points of an
uninterrupted one if ``search_space`` and ``seed`` are given), and several processes on one storage
work at one simplex: a point that another process evaluates counts as ours.
"""

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import intersection_search_space
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from autopeft.searchers.base import Failed, Outcome, Proposal, Pruned, Setting, Value
from autopeft.searchers.nelder_mead import NelderMead
from autopeft.spec.searcher import NelderMeadSearcher
from autopeft.spec.space import Dimension, Space, Values

Distributions: TypeAlias = Mapping[str, BaseDistribution]
Key: TypeAlias = tuple[str, ...]

# How Optuna marks an enqueued trial (optuna.study.Study.enqueue_trial).
FIXED = "fixed_params"
WAITED_FOR = 3  # rounds of all that run, as in the search itself


class NelderMeadSampler(BaseSampler):  # type: ignore[misc]  # untyped where Optuna loads lazily
    """Proposes what a simplex needs, for any number of workers.

    Parameters that all trials share are searched by the simplex: numbers and numeric choices along
    their order, other choices by one simplex each. Parameters that only some trials have, and the
    first trial if ``search_space`` is not given, are left to ``independent_sampler``. Enqueued
    trials are evaluated as they are given; what they leave out is drawn independently.

    Args:
        search_space: Names and distributions, as for Optuna's ``GridSampler`` but of distributions;
            by default what the completed trials have in common.
        seed: Of everything random; drawn if ``None``.
        independent_sampler: For parameters outside the search space; random by default.
        **options: Fields of ``autopeft.spec.searcher.NelderMeadSearcher``, such as
            ``parallel=False`` for the textbook's method, or ``size=0.1``.

    Example:
        >>> import optuna
        >>> sampler = NelderMeadSampler({"x": FloatDistribution(-4, 4)}, seed=0)
        >>> study = optuna.create_study(sampler=sampler)
        >>> study.optimize(lambda trial: (trial.suggest_float("x", -4, 4) - 1) ** 2, n_trials=40)
        >>> abs(study.best_params["x"] - 1) < 1e-3
        True
    """

    def __init__(
        self,
        search_space: Distributions | None = None,
        *,
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
        **options: Any,
    ) -> None:
        # Drawn here, so that courses begun anew go on alike.
        self._seed = int(np.random.default_rng(seed).integers(2**31)) if seed is None else seed
        self._search_space = None if search_space is None else dict(search_space)
        self._options = NelderMeadSearcher(**options)
        self._independent = independent_sampler or RandomSampler(seed=self._seed)
        self._courses: dict[str, _Course] = {}
        self._lock = threading.Lock()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what the simplex searches.

        Raises:
            ValueError: The study has several objectives.
        """
        if len(study.directions) > 1:
            raise ValueError(
                f"NelderMeadSampler searches one objective, found {len(study.directions)}; "
                "take optuna.samplers.TPESampler or NSGAIISampler"
            )
        space = self._search_space
        if space is None:
            space = intersection_search_space(study.get_trials(deepcopy=False))
        return {name: one for name, one in space.items() if not one.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the simplex's next point; nothing where there is none, or nothing to search."""
        if not search_space:
            return {}
        with self._lock:
            trials = study.get_trials(deepcopy=False)
            of = _Of(search_space, study.direction, trials[0].datetime_start)
            course = self._courses.get(study.study_name)
            if course is None or course.of != of:
                course = _Course(of, _space_of(search_space), self._core(of))
                self._courses[study.study_name] = course
            return course.next(trial, trials)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return what the independent sampler draws."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Reseed the independent sampler; the simplex is one for all threads and keeps its seed."""
        self._independent.reseed_rng()

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the lock."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a state, with a lock of its own."""
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _core(self, of: "_Of") -> NelderMead:
        axes = _space_of(of.distributions).axes
        is_max = of.direction == StudyDirection.MAXIMIZE
        setting = Setting(axes, ("max" if is_max else "min",), self._seed)
        return NelderMead(self._options, setting)


class _Of(NamedTuple):
    """What a course is of.

    Attributes:
        distributions: The space in Optuna's words.
        direction: Of the study.
        began: When the study's first trial began: another of the same name, after it was deleted
            or in another storage, began at another time.
    """

    distributions: Distributions
    direction: StudyDirection
    began: datetime | None


@dataclass(slots=True)
class _Course:
    """The search of one study's space.

    Attributes:
        of: Which study, and which space.
        space: The space in our words.
        core: The search itself.
        out: By number of the trial that evaluates it, a proposal's number and values.
        ended: Numbers of the trials taken in.
        known: What came of points that others proposed.
        unjoined: Others' trials that the search has not learnt from yet.
        waits: How many trials in a row there was no point for.
    """

    of: _Of
    space: Space
    core: NelderMead
    out: dict[int, tuple[int, Values]] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    known: dict[Key, Outcome] = field(default_factory=dict)
    unjoined: list[FrozenTrial] = field(default_factory=list)
    waits: int = 0

    def next(self, trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> Values:
        """Return the values for ``trial``; none if there is no point for it now."""
        self.unjoined += self._take_in(trials)
        if trial.number in self.out:
            return self.out[trial.number][1]
        elsewhere = self._elsewhere(trials)
        values = self._proposal_for(trial, elsewhere)
        if not values and self._has_waited_enough(trials):
            self._give_up()
            values = self._proposal_for(trial, elsewhere)
        if self.unjoined and values:  # only now: what a former process proposed was recognised
            number, _ = self.out.pop(trial.number)
            self.core.forget(number)
            for other in self.unjoined:
                self._add(other)
            self.unjoined = []
            values = self._proposal_for(trial, elsewhere)
        self.waits = 0 if values else self.waits + 1
        return values

    def _has_waited_enough(self, trials: Iterable[FrozenTrial]) -> bool:
        """Return whether those that are waited for may be lost, as with a process that died."""
        running = sum(trial.state == TrialState.RUNNING for trial in trials)
        return bool(self.out) and self.waits >= WAITED_FOR * running

    def _give_up(self) -> None:
        """Go on without those that are waited for; who still comes is taken as another's trial."""
        for number, _ in self.out.values():
            self.core.tell(number, Failed("no result came"))
        self.out = {}

    def _proposal_for(self, trial: FrozenTrial, elsewhere: dict[Key, int]) -> Values:
        """Return values that nobody has tried or is at, and note that ``trial`` is."""
        while isinstance(proposal := self.core.ask(), Proposal):
            values = self.space.decode(proposal.cube)
            key = _key(values)
            if key in self.known:
                self.core.tell(proposal.number, self.known.pop(key))
            elif key in elsewhere:
                self.out[elsewhere.pop(key)] = (proposal.number, values)
            else:
                self.out[trial.number] = (proposal.number, values)
                return values
        return {}

    def _elsewhere(self, trials: Iterable[FrozenTrial]) -> dict[Key, int]:
        """Return the points that other processes are at, and their trials' numbers."""
        return {
            _key(self._own(trial)): trial.number
            for trial in trials
            if trial.state == TrialState.RUNNING
            and trial.number not in self.out
            and len(self._own(trial)) == len(self.space.dimensions)
        }

    def _take_in(self, trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
        """Tell what has ended of our proposals; return what has ended of others'."""
        others = []
        for trial in trials:
            if not trial.state.is_finished() or trial.number in self.ended:
                continue
            self.ended.add(trial.number)
            number, values = self.out.pop(trial.number, (None, {}))
            if number is not None and {**values, **self._own(trial)} == values:
                self.core.tell(number, _outcome_of(trial))
                continue
            if number is not None and FIXED in trial.system_attrs:
                self.core.forget(number)  # an enqueued trial took its own values
            elif number is not None:
                # The objective suggests less than was to be searched: nobody will ever go there.
                self.core.tell(number, Failed("outside of what the objective suggests"))
            if len(self._own(trial)) == len(self.space.dimensions):
                self.known[_key(self._own(trial))] = _outcome_of(trial)
                others.append(trial)
        return others

    def _add(self, trial: FrozenTrial) -> None:
        """Let the search learn from a trial, unless it has meanwhile been recognised."""
        if _key(self._own(trial)) in self.known:
            # A value from before the ranges were changed has no place.
            with suppress(ValueError):
                self.core.add(self.space.encode(self._own(trial)), _outcome_of(trial))

    def _own(self, trial: FrozenTrial) -> Values:
        """Return the trial's values of what is searched here."""
        names = [dimension.name for dimension in self.space.dimensions]
        return {name: trial.params[name] for name in names if name in trial.params}


def _key(values: Values) -> Key:
    """Return what is equal for equal values, also out of a database that cuts floats short."""
    return tuple(
        f"{value:.12g}" if isinstance(value, float) else repr(value) for value in values.values()
    )


def _outcome_of(trial: FrozenTrial) -> Outcome:
    violations = tuple(trial.constraints.values())
    if trial.state == TrialState.COMPLETE and trial.values:
        return Value(tuple(trial.values), violations)
    step = trial.last_step
    if trial.state == TrialState.PRUNED and step is not None:
        return Pruned((trial.intermediate_values[step],), step, violations)
    return Failed(str(trial.state))


def _space_of(distributions: Distributions) -> Space:
    return Space(tuple(dimension_of(name, one) for name, one in distributions.items()))


def dimension_of(name: str, distribution: BaseDistribution) -> Dimension:
    """Return Optuna's distribution as a dimension.

    Raises:
        ValueError: It is of a kind that Optuna does not have.

    Example:
        >>> dimension_of("x", IntDistribution(1, 9, step=2)).levels
        5
    """
    match distribution:
        case FloatDistribution(low=low, high=high, log=log, step=step):
            return Dimension(name, "float", low, high, log=log, step=step)
        case IntDistribution(low=low, high=high, log=log, step=step):
            return Dimension(name, "int", low, high, log=log, step=None if log else step)
        case CategoricalDistribution(choices=choices):
            if all(type(choice) in (int, float) and math.isfinite(choice) for choice in choices):
                return Dimension(name, "choice", choices=tuple(sorted(choices)))
            return Dimension(name, "choice", choices=tuple(choices), ordered=False)
    raise ValueError(f"{name}: {distribution} is no float, int or categorical distribution")
