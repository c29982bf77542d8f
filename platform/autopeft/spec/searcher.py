"""Who proposes the next configuration, in the user's words; deeds are in ``searchers/``."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from autopeft.spec.record import Record

# A round number that numpy's RandomState takes, from which Optuna draws (below 2**32).
MOST_SEED = 4_000_000_000

LearnsFrom: TypeAlias = Literal["none", "whole", "stopped too"]


class SearcherRecord(Record):
    """What every searcher has: a seed of its own, in the place of the sweep's.

    ``takes_prior`` says that it begins where a prior points, and so needs no narrowed space;
    ``can_narrow`` that it can search a part of the space and learn from what it did not propose;
    ``learns_from`` which trials teach it something where there is one objective: with several, the
    values of a trial that was stopped count as they are.
    """

    one_objective_only: ClassVar[bool] = False
    takes_prior: ClassVar[bool] = False
    can_narrow: ClassVar[bool] = True
    learns_from: ClassVar[LearnsFrom] = "none"

    seed: int | None = Field(None, ge=0, le=MOST_SEED)


class ChoosingSearcher(SearcherRecord):
    """What every searcher has that chooses between branches.

    ``cost_aware`` says whether it reckons with what a branch's trials cost; ``auto`` does if the
    budget is time (``search.hours``).
    """

    cost_aware: Literal["auto"] | bool = "auto"


class RandomSearcher(ChoosingSearcher):
    """Independent uniform points of the unit cube."""

    kind: Literal["random"] = "random"


class GridSearcher(SearcherRecord):
    """Every combination once, in random order; ``points`` on each continuous axis.

    A branch of ``any_of`` has the grid of its own parameters. The search ends when the grid does.
    """

    kind: Literal["grid"] = "grid"
    can_narrow: ClassVar[bool] = False
    points: int = Field(3, ge=2)


class QmcSearcher(ChoosingSearcher):
    """Scrambled quasi-random points that fill the cube evenly (Bergstra & Bengio, 2012)."""

    kind: Literal["qmc"] = "qmc"
    sequence: Literal["sobol", "halton"] = "sobol"


class TpeSearcher(ChoosingSearcher):
    """Tree-structured Parzen estimator (Bergstra et al., 2011), Optuna's."""

    kind: Literal["tpe"] = "tpe"
    learns_from: ClassVar[LearnsFrom] = "stopped too"
    startup_trials: int = Field(10, ge=0)
    candidates: int = Field(24, ge=1)
    multivariate: bool = True
    group: bool = True
    constant_liar: bool = True


class GpSearcher(ChoosingSearcher):
    """Gaussian process with expected improvement (log EI, Ament et al., 2023), Optuna's.

    ``deterministic`` says that the same configuration always scores the same.
    """

    kind: Literal["gp"] = "gp"
    learns_from: ClassVar[LearnsFrom] = "whole"
    startup_trials: int = Field(10, ge=1)
    deterministic: bool = False


class CmaesSearcher(ChoosingSearcher):
    """Covariance matrix adaptation (Hansen & Ostermeier, 2001), through Optuna.

    ``population`` defaults to 4 + 3 ln D. Unordered choices and conditional parameters are drawn
    at random; ``margin``, which keeps levels apart (Hamano et al., 2022), needs a space without the
    latter.
    """

    kind: Literal["cmaes"] = "cmaes"
    learns_from: ClassVar[LearnsFrom] = "whole"
    one_objective_only: ClassVar[bool] = True
    takes_prior: ClassVar[bool] = True
    population: int | None = Field(None, ge=4)
    startup_trials: int = Field(1, ge=0)
    margin: bool = False


class Nsga2Searcher(ChoosingSearcher):
    """Non-dominated sorting genetic algorithm (Deb et al., 2002), Optuna's."""

    kind: Literal["nsga2"] = "nsga2"
    learns_from: ClassVar[LearnsFrom] = "whole"
    population: int = Field(20, ge=2)
    crossover_probability: float = Field(0.9, ge=0, le=1)
    mutation_probability: float | None = Field(None, ge=0, le=1)


class Nsga3Searcher(ChoosingSearcher):
    """NSGA-III with reference points (Deb & Jain, 2014), Optuna's; for many objectives."""

    kind: Literal["nsga3"] = "nsga3"
    learns_from: ClassVar[LearnsFrom] = "whole"
    population: int = Field(20, ge=2)
    crossover_probability: float = Field(0.9, ge=0, le=1)
    mutation_probability: float | None = Field(None, ge=0, le=1)


class NelderMeadSearcher(ChoosingSearcher):
    """The simplex of Nelder and Mead (1965), for any number of workers.

    ``initial`` is the first simplex: ``regular``, of radius ``size`` around the middle or around
    the first of ``search.first_points``, or ``random``. ``parallel: false`` is the textbook's
    method, one point at a time; else workers also get speculative moves, minima of a quadratic
    model (``model_share`` of the points at most) and, if all of these are out, points of
    ``filler``. A simplex smaller than ``tolerance`` starts anew if ``restarts``, around the best
    result and elsewhere in turn; else the search is over.
    """

    kind: Literal["nelder-mead"] = "nelder-mead"
    learns_from: ClassVar[LearnsFrom] = "stopped too"
    one_objective_only: ClassVar[bool] = True
    takes_prior: ClassVar[bool] = True
    initial: Literal["regular", "random"] = "regular"
    size: float = Field(0.3, gt=0, le=1)
    parallel: bool = True
    adaptive: bool = False
    model_share: float = Field(0.4, ge=0, le=1)
    filler: Literal["random", "tpe", "cmaes"] = "random"
    restarts: bool = True
    tolerance: float = Field(1e-5, gt=0, lt=1)


class AutoSearcher(ChoosingSearcher):
    """Picks one of the others by objectives and space; docs/how-to-choose.md."""

    kind: Literal["auto"] = "auto"
    learns_from: ClassVar[LearnsFrom] = "stopped too"
    takes_prior: ClassVar[bool] = True  # or hands the setting on to one that narrows


Searcher: TypeAlias = Annotated[
    RandomSearcher
    | GridSearcher
    | QmcSearcher
    | TpeSearcher
    | GpSearcher
    | CmaesSearcher
    | Nsga2Searcher
    | Nsga3Searcher
    | NelderMeadSearcher
    | AutoSearcher,
    Field(discriminator="kind"),
]
