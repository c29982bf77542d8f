"""Optuna's samplers by our names; each function makes one from its options."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import optuna
from optuna import samplers
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from autopeft.searchers.base import Setting, reckons_with_costs
from autopeft.searchers.given import completed_first
from autopeft.searchers.optuna_searcher import OptunaSearcher, distribution_of, words
from autopeft.spec.searcher import (
    ChoosingSearcher,
    CmaesSearcher,
    GpSearcher,
    Nsga2Searcher,
    Nsga3Searcher,
    QmcSearcher,
    RandomSearcher,
    TpeSearcher,
)
from autopeft.spec.space import Axis

USUAL_STEP = 1 / 6  # Optuna's, of the unit cube

Sampler = TypeVar("Sampler", bound=samplers.BaseSampler)


def random_searcher(options: RandomSearcher, setting: Setting) -> OptunaSearcher:
    """Independent uniform points."""
    return _searcher(samplers.RandomSampler(seed=setting.seed), options, setting)


class QmcSampler(samplers.QMCSampler):  # type: ignore[misc]  # Optuna loads it lazily
    """A sequence over the axes that are always there, from the first point on.

    Optuna's own takes what the first trial that ended had, and counts anew when that changes.
    """

    def __init__(self, axes: Iterable[Axis], **options: Any) -> None:
        super().__init__(**options)
        self._space = {axis.name: distribution_of(axis) for axis in axes if axis.when is None}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the axes."""
        return dict(self._space)


def qmc_searcher(options: QmcSearcher, setting: Setting) -> OptunaSearcher:
    """Scrambled Sobol or Halton points; conditional axes are drawn at random."""
    sampler = _quietly(
        QmcSampler,
        axes=setting.axes,
        qmc_type=options.sequence,
        scramble=True,
        seed=setting.seed,
        warn_asynchronous_seeding=False,
        warn_independent_sampling=False,
    )
    return _searcher(sampler, options, setting)


def tpe_searcher(options: TpeSearcher, setting: Setting) -> OptunaSearcher:
    """Tree-structured Parzen estimator, branch by branch where the space is conditional."""
    sampler = _quietly(
        samplers.TPESampler,
        seed=setting.seed,
        n_startup_trials=options.startup_trials,
        n_ei_candidates=options.candidates,
        multivariate=options.multivariate,
        group=options.group and options.multivariate,
        constant_liar=options.constant_liar,
    )
    return _searcher(sampler, options, setting)


def gp_searcher(options: GpSearcher, setting: Setting) -> OptunaSearcher:
    """Gaussian process; conditional axes are drawn at random.

    With one objective it learns only from trials that ran to their end.
    """
    sampler = _quietly(
        samplers.GPSampler,
        seed=setting.seed,
        n_startup_trials=options.startup_trials,
        deterministic_objective=options.deterministic,
        warn_independent_sampling=False,
    )
    return _searcher(sampler, options, setting)


def cmaes_searcher(options: CmaesSearcher, setting: Setting) -> OptunaSearcher:
    """Covariance matrix adaptation; learns only from trials that ran to their end.

    It begins where the prior points, as widely as the prior is unsure.
    """
    mean, sigma = _start(setting)
    sampler = _quietly(
        samplers.CmaEsSampler,
        x0=mean,
        sigma0=sigma,
        seed=setting.seed,
        popsize=options.population,
        n_startup_trials=options.startup_trials,
        with_margin=options.margin,
        warn_independent_sampling=False,
    )
    if options.margin:
        # Optuna then tells a value for what it drew itself, not for what was evaluated: it must
        # draw nothing for a point that is given.
        setting = replace(setting, first=completed_first(setting))
    return _searcher(
        sampler, options, setting, knows_constraints=False, counts_own=not options.margin
    )


def _start(setting: Setting) -> tuple[dict[str, Any] | None, float | None]:
    """Return the first mean, in Optuna's parameters, and the first step size; Optuna's own if none.

    The step size is one number for all axes: the mean of what the prior says and, where it says
    nothing, of the usual sixth.
    """
    prior = setting.prior
    if prior is None:
        return None, None
    ordered = [axis for axis in setting.axes if axis.ordered]
    middle = {axis.name: prior.mean.get(axis.name, 0.5) for axis in ordered}
    spreads = [prior.spread.get(axis.name, USUAL_STEP) for axis in ordered]
    return words(ordered, middle), sum(spreads) / len(spreads) if spreads else None


def nsga2_searcher(options: Nsga2Searcher, setting: Setting) -> OptunaSearcher:
    """Non-dominated sorting genetic algorithm."""
    sampler = _genetic(samplers.NSGAIISampler, options, setting)
    return _searcher(sampler, options, setting, counts_own=True)


def nsga3_searcher(options: Nsga3Searcher, setting: Setting) -> OptunaSearcher:
    """NSGA with reference points."""
    sampler = _genetic(samplers.NSGAIIISampler, options, setting)
    return _searcher(sampler, options, setting, counts_own=True)


def _searcher(
    sampler: samplers.BaseSampler, options: ChoosingSearcher, setting: Setting, **more: bool
) -> OptunaSearcher:
    return OptunaSearcher(
        sampler,
        setting,
        cost_aware=reckons_with_costs(options, setting),
        learns_from_pruned=options.learns_from == "stopped too",
        **more,
    )


def _genetic(
    make: Callable[..., Sampler], options: Nsga2Searcher | Nsga3Searcher, setting: Setting
) -> Sampler:
    return _quietly(
        make,
        seed=setting.seed,
        population_size=options.population,
        crossover_prob=options.crossover_probability,
        mutation_prob=options.mutation_probability,
    )


def _quietly(make: Callable[..., Sampler], **options: Any) -> Sampler:
    """Make a sampler without Optuna's notes on what is new in it; the version is recorded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # x0 and sigma0 leave with Optuna 6 and have no successor yet: pyproject.toml keeps 5.
        warnings.simplefilter("ignore", FutureWarning)
        return make(**options)
