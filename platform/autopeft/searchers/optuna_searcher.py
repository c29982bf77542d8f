"""Optuna's samplers through ask and tell, driven by us.

Continuous axes and ordered levels are floats and integers to Optuna, unordered levels are
categories; a conditional axis is suggested only where its choice was taken. NaN and infinite
values are told as failures: Optuna would leave such a trial running for ever.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.trial import TrialState

from autopeft.searchers.base import Done, Failed, Outcome, Proposal, Pruned, Value, Wait
from autopeft.spec.search import Direction, RandomSearcher, TpeSearcher
from autopeft.spec.space import Axis


class OptunaSearcher:
    """One Optuna study in memory; its state is the calls made so far, replayed by ``load``."""

    def __init__(
        self,
        sampler: optuna.samplers.BaseSampler,
        *,
        axes: Sequence[Axis],
        directions: Sequence[Direction],
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._axes = tuple(axes)
        self._study = optuna.create_study(
            sampler=sampler,
            directions=["maximize" if d == "max" else "minimize" for d in directions],
        )
        # Kept here, because asking the study for one trial copies all of them.
        self._open: dict[int, optuna.trial.Trial] = {}
        self._calls: list[list[Any]] = []

    def ask(self) -> Proposal | Wait | Done:
        """Return Optuna's next suggestion as a point of the cube."""
        trial = self._study.ask()
        cube: dict[str, float] = {}
        taken: dict[str, int] = {}
        for axis in self._axes:
            if axis.when is not None and taken.get(axis.when[0]) != axis.when[1]:
                continue
            if axis.levels is None:
                cube[axis.name] = trial.suggest_float(axis.name, 0.0, 1.0)
                continue
            level = (
                trial.suggest_int(axis.name, 0, axis.levels - 1)
                if axis.ordered
                else trial.suggest_categorical(axis.name, list(range(axis.levels)))
            )
            taken[axis.name] = int(level)
            cube[axis.name] = (int(level) + 0.5) / axis.levels
        self._open[trial.number] = trial
        self._calls.append(["ask"])
        return Proposal(trial.number, cube)

    def tell(self, number: int, outcome: Outcome) -> None:
        """Tell Optuna; a pruned trial keeps its value at the step it reached.

        The first outcome of a proposal counts, a second one is ignored.
        """
        trial = self._open.pop(number, None)
        if trial is None:
            return
        match outcome:
            case Value(values) if all(map(math.isfinite, values)):
                self._study.tell(trial, list(values))
            case Pruned(values, step) if all(map(math.isfinite, values)):
                self._tell_pruned(trial, values, step)
            case _:
                self._study.tell(trial, state=TrialState.FAIL)
        self._calls.append(["tell", number, *_plain(outcome)])

    def state(self) -> dict[str, Any]:
        """Return the calls made so far, and the version they were made with."""
        return {"optuna": optuna.__version__, "calls": list(self._calls)}

    def load(self, state: dict[str, Any]) -> None:
        """Make the same calls again: the sampler's random state follows from them."""
        kinds: dict[str, Callable[..., Outcome]] = {
            "Value": Value, "Pruned": Pruned, "Failed": Failed
        }  # fmt: skip
        for call in state["calls"]:
            if call[0] == "ask":
                self.ask()
            else:
                _, number, kind, arguments = call
                values = [tuple(a) if isinstance(a, list) else a for a in arguments]
                self.tell(number, kinds[kind](*values))

    def _tell_pruned(self, trial: optuna.trial.Trial, values: tuple[float, ...], step: int) -> None:
        if len(values) > 1:  # Optuna knows no pruning with several objectives
            self._study.tell(trial, list(values))
            return
        trial.report(values[0], step)
        self._study.tell(trial, state=TrialState.PRUNED)


def _plain(outcome: Outcome) -> list[Any]:
    fields = [getattr(outcome, name) for name in outcome.__slots__]
    return [type(outcome).__name__, [list(f) if isinstance(f, tuple) else f for f in fields]]


def random_searcher(
    options: RandomSearcher,
    *,
    axes: Sequence[Axis],
    directions: Sequence[Direction],
    seed: int,
) -> OptunaSearcher:
    """Independent uniform points."""
    sampler = optuna.samplers.RandomSampler(seed=seed)
    return OptunaSearcher(sampler, axes=axes, directions=directions)


def tpe_searcher(
    options: TpeSearcher,
    *,
    axes: Sequence[Axis],
    directions: Sequence[Direction],
    seed: int,
) -> OptunaSearcher:
    """Tree-structured Parzen estimator, branch by branch where the space is conditional."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed,
            n_startup_trials=options.startup_trials,
            n_ei_candidates=options.candidates,
            multivariate=options.multivariate,
            group=options.group and options.multivariate,
            constant_liar=options.constant_liar,
        )
    return OptunaSearcher(sampler, axes=axes, directions=directions)
