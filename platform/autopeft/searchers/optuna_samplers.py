"""Optuna's samplers by our names; each function makes one from its options."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import optuna
from optuna import samplers

from autopeft.searchers.base import Setting
from autopeft.searchers.optuna_searcher import OptunaSearcher
from autopeft.spec.searcher import (
    CmaesSearcher,
    GpSearcher,
    Nsga2Searcher,
    Nsga3Searcher,
    QmcSearcher,
    RandomSearcher,
    TpeSearcher,
)

Sampler = TypeVar("Sampler", bound=samplers.BaseSampler)


def random_searcher(options: RandomSearcher, setting: Setting) -> OptunaSearcher:
    """Independent uniform points."""
    return OptunaSearcher(samplers.RandomSampler(seed=setting.seed), setting)


def qmc_searcher(options: QmcSearcher, setting: Setting) -> OptunaSearcher:
    """Scrambled Sobol or Halton points; conditional axes are drawn at random."""
    sampler = _quietly(
        samplers.QMCSampler,
        qmc_type=options.sequence,
        scramble=True,
        seed=setting.seed,
        warn_asynchronous_seeding=False,
        warn_independent_sampling=False,
    )
    return OptunaSearcher(sampler, setting)


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
    return OptunaSearcher(sampler, setting)


def gp_searcher(options: GpSearcher, setting: Setting) -> OptunaSearcher:
    """Gaussian process; conditional axes are drawn at random."""
    sampler = _quietly(
        samplers.GPSampler,
        seed=setting.seed,
        n_startup_trials=options.startup_trials,
        deterministic_objective=options.deterministic,
        warn_independent_sampling=False,
    )
    return OptunaSearcher(sampler, setting)


def cmaes_searcher(options: CmaesSearcher, setting: Setting) -> OptunaSearcher:
    """Covariance matrix adaptation; learns only from trials that ran to their end."""
    sampler = _quietly(
        samplers.CmaEsSampler,
        seed=setting.seed,
        popsize=options.population,
        n_startup_trials=options.startup_trials,
        with_margin=options.margin,
        warn_independent_sampling=False,
    )
    return OptunaSearcher(sampler, setting, knows_constraints=False)


def nsga2_searcher(options: Nsga2Searcher, setting: Setting) -> OptunaSearcher:
    """Non-dominated sorting genetic algorithm."""
    return OptunaSearcher(_genetic(samplers.NSGAIISampler, options, setting), setting)


def nsga3_searcher(options: Nsga3Searcher, setting: Setting) -> OptunaSearcher:
    """NSGA with reference points."""
    return OptunaSearcher(_genetic(samplers.NSGAIIISampler, options, setting), setting)


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
        return make(**options)
