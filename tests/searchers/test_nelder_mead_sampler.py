"""The sampler in plain Optuna: no Ray, no search file."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from autopeft.searchers import NelderMeadSampler
from autopeft.searchers.nelder_mead_sampler import dimension_of

PLANE = {"x": FloatDistribution(-2, 2), "y": FloatDistribution(1e-5, 1.0, log=True)}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def bowl(trial: Any) -> float:
    x = trial.suggest_float("x", -2, 2)
    y = trial.suggest_float("y", 1e-5, 1.0, log=True)
    return float((x - 0.7) ** 2 + np.log10(y / 1e-3) ** 2)


def study_of(sampler: NelderMeadSampler, **more: Any) -> optuna.Study:
    return optuna.create_study(sampler=sampler, **more)


def points(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("space", [PLANE, None], ids=["given", "inferred"])
@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize("parallel", [True, False])
def test_it_finds_the_least(space: Any, jobs: int, parallel: bool) -> None:
    study = study_of(NelderMeadSampler(space, seed=1, parallel=parallel))
    study.optimize(bowl, n_trials=100, n_jobs=jobs)
    assert study.best_value < (1e-6 if jobs == 1 else 1e-2)
    assert len(study.trials) == 100


def test_it_finds_the_greatest() -> None:
    least = study_of(NelderMeadSampler(PLANE, seed=3))
    greatest = study_of(NelderMeadSampler(PLANE, seed=3), direction="maximize")
    least.optimize(bowl, n_trials=40)
    greatest.optimize(lambda trial: -bowl(trial), n_trials=40)
    assert points(least) == points(greatest)
    assert least.best_value < 1e-3


def test_the_same_seed_gives_the_same_points() -> None:
    studies = [study_of(NelderMeadSampler(seed=seed)) for seed in (5, 5, 6)]
    for study in studies:
        study.optimize(bowl, n_trials=30)
    assert points(studies[0]) == points(studies[1]) != points(studies[2])


def test_without_a_seed_two_differ() -> None:
    studies = [study_of(NelderMeadSampler(PLANE)) for _ in range(2)]
    for study in studies:
        study.optimize(bowl, n_trials=3)
    assert points(studies[0]) != points(studies[1])


def test_ask_and_tell_in_any_order_for_many_workers() -> None:
    study = study_of(NelderMeadSampler(PLANE, seed=0))
    dice = np.random.default_rng(0)
    out = []
    for _ in range(120):
        trial = study.ask(PLANE)
        out.append((trial, bowl(trial)))
        if len(out) == 10:
            study.tell(*out.pop(dice.integers(10)))
    assert len({str(trial.params) for trial in study.trials}) == 120
    assert study.best_value < 1e-4


EVERY = {
    "rate": FloatDistribution(1e-5, 1e-1, log=True),
    "dropout": FloatDistribution(0, 0.5, step=0.05),
    "rank": IntDistribution(1, 64, log=True),
    "layers": IntDistribution(2, 12, step=2),
    "batch": CategoricalDistribution([8, 16, 32]),
    "method": CategoricalDistribution(["lora", "ia3", None]),
    "bias": CategoricalDistribution([True, False]),
    "fixed": IntDistribution(4, 4),
}


def everything(trial: Any) -> float:
    found = {
        "rate": trial.suggest_float("rate", 1e-5, 1e-1, log=True),
        "dropout": trial.suggest_float("dropout", 0, 0.5, step=0.05),
        "rank": trial.suggest_int("rank", 1, 64, log=True),
        "layers": trial.suggest_int("layers", 2, 12, step=2),
        "batch": trial.suggest_categorical("batch", [8, 16, 32]),
        "method": trial.suggest_categorical("method", ["lora", "ia3", None]),
        "bias": trial.suggest_categorical("bias", [True, False]),
        "fixed": trial.suggest_int("fixed", 4, 4),
    }
    return float(
        np.log10(found["rate"] / 1e-3) ** 2
        + 4 * (found["dropout"] - 0.2) ** 2
        + np.log2(found["rank"] / 8) ** 2 / 9
        + (found["layers"] - 6) ** 2 / 16
        + (found["batch"] != 16)
        + (found["method"] != "ia3")
        + (not found["bias"])
    )


@pytest.mark.parametrize("space", [EVERY, None], ids=["given", "inferred"])
def test_every_kind_of_parameter_is_searched(space: Any) -> None:
    study = study_of(NelderMeadSampler(space, seed=0))
    study.optimize(everything, n_trials=150)
    assert study.best_value < 1.2  # one wrong choice costs 1
    assert {type(study.best_params[name]) for name in ("rank", "layers", "batch")} == {int}


@pytest.mark.parametrize("parallel", [True, False])
def test_enqueued_trials_come_first_and_join(parallel: bool) -> None:
    sampler = NelderMeadSampler(PLANE, seed=0, parallel=parallel)
    study = study_of(sampler)
    study.enqueue_trial({"x": 0.7, "y": 1.1e-3})
    study.enqueue_trial({"x": -1.5})
    study.optimize(bowl, n_trials=40)
    assert points(study)[0] == {"x": 0.7, "y": 1.1e-3}
    assert points(study)[1]["x"] == -1.5
    if parallel:  # one at a time nothing joins: it is the textbook's method
        assert study.best_value < 1e-6
        spread = [abs(point["x"] - 0.7) for point in points(study)[10:]]
        assert np.median(spread) < 0.2


def test_other_values_than_proposed_are_taken_as_they_are() -> None:
    sampler = NelderMeadSampler(PLANE, seed=0)
    study = study_of(sampler)
    for number in range(40):
        if number % 5 == 4:
            study.enqueue_trial({"x": 1.9})
        study.tell(trial := study.ask(), bowl(trial))
    core = sampler._courses[study.study_name].core
    told = [cube for _, found in core.state()["results"]["found"] for cube in found]
    assert len(told) >= 39


def test_failed_and_pruned_trials_do_not_stall_it() -> None:
    def objective(trial: Any) -> float:
        value = bowl(trial)
        if trial.number % 4 == 1:
            raise RuntimeError("out of memory")
        if trial.number % 4 == 2:
            trial.report(value, 1)
            raise optuna.TrialPruned
        if trial.number % 13 == 5:
            raise optuna.TrialPruned
        return float("nan") if trial.number % 11 == 7 else value

    found = []
    for seed in range(5):
        study = study_of(NelderMeadSampler(PLANE, seed=seed))
        study.optimize(objective, n_trials=140, catch=RuntimeError)
        found.append(study.best_value)
        states = {trial.state for trial in study.trials}
        assert states == {TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED}
    assert median(found) < 1e-3  # a single search may have lost its best places to the failures


def test_constraints_come_before_values() -> None:
    def objective(trial: Any) -> float:
        value = bowl(trial)
        trial.set_constraint("x", 1.0 - trial.params["x"])
        return value

    study = study_of(NelderMeadSampler(PLANE, seed=0))
    study.optimize(objective, n_trials=80)
    best = min(t.values[0] for t in study.trials if t.params["x"] >= 1)
    assert best == pytest.approx(0.09, abs=1e-3)


def test_conditional_parameters_are_left_to_the_other_sampler() -> None:
    def objective(trial: Any) -> float:
        value = bowl(trial)
        if trial.suggest_categorical("deep", [True, False]):
            return value + trial.suggest_float("depth", 0, 1)
        return value + trial.suggest_int("width", 1, 9) / 9

    study = study_of(NelderMeadSampler(seed=0))
    study.optimize(objective, n_trials=100)
    assert study.best_value < 0.3


def test_a_range_that_moves_is_left_to_the_other_sampler() -> None:
    study = study_of(NelderMeadSampler(seed=0))
    study.optimize(
        lambda trial: bowl(trial) + trial.suggest_float("z", 0, 1 + trial.number % 2) ** 2, 60
    )
    assert study.best_value < 0.5


def test_several_objectives_are_refused() -> None:
    study = study_of(NelderMeadSampler(), directions=["minimize", "maximize"])
    with pytest.raises(ValueError, match="one objective, found 2"):
        study.ask().suggest_float("x", 0, 1)


def test_a_small_space_goes_on_at_random_when_it_is_exhausted() -> None:
    space = {"a": IntDistribution(0, 1), "b": CategoricalDistribution([1, 2])}
    study = study_of(NelderMeadSampler(space, seed=0))
    study.optimize(
        lambda t: t.suggest_int("a", 0, 1) + t.suggest_categorical("b", [1, 2]), n_trials=15
    )
    assert len({str(point) for point in points(study)[:4]}) == 4


# Stores and processes


@pytest.mark.parametrize("parallel", [True, False])
def test_a_trial_whose_process_died_is_not_waited_for_for_ever(parallel: bool) -> None:
    study = study_of(NelderMeadSampler(PLANE, seed=1, parallel=parallel))
    study.optimize(bowl, n_trials=10)
    study.ask(PLANE)  # nobody will ever tell
    study.optimize(bowl, n_trials=120)
    assert study.best_value < 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_no_point_of_a_few_is_paid_for_twice(seed: int) -> None:
    space = {"k": IntDistribution(1, 8), "x": FloatDistribution(0, 1, step=0.25)}
    study = study_of(NelderMeadSampler(space, seed=seed))
    study.optimize(
        lambda trial: (
            (trial.suggest_int("k", 1, 8) - 3) ** 2 + trial.suggest_float("x", 0, 1, step=0.25)
        ),
        n_trials=40,
    )
    assert len({tuple(params.values()) for params in points(study)}) == 40


def test_no_point_of_few_branches_is_paid_for_twice() -> None:
    space = {"kind": CategoricalDistribution(["a", "b", "c"]), "k": IntDistribution(1, 5)}
    study = study_of(NelderMeadSampler(space, seed=0))
    study.optimize(
        lambda trial: (
            trial.suggest_categorical("kind", ["a", "b", "c"]).count("b")
            + trial.suggest_int("k", 1, 5)
        ),
        n_trials=15,
    )
    assert len({tuple(params.values()) for params in points(study)}) == 15


def test_two_studies_in_one_database_do_not_mix(tmp_path: Path) -> None:
    sampler, url = NelderMeadSampler(PLANE, seed=2), f"sqlite:///{tmp_path}/studies.db"
    studies = [study_of(sampler, storage=url, study_name=name) for name in ("one", "two")]
    for _ in range(6):
        for sign, study in enumerate(studies):
            study.tell(trial := study.ask(), bowl(trial) * (1 - 2 * sign))
    alone = study_of(NelderMeadSampler(PLANE, seed=2))
    alone.optimize(bowl, n_trials=6)
    assert points(studies[0]) == points(alone)
    again = optuna.load_study(study_name="one", storage=url, sampler=NelderMeadSampler(PLANE))
    again.optimize(bowl, n_trials=3)
    assert len(again.trials) == 9


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., optuna.Study]:
    """Return the one study in the store, as another process would open it."""

    def opened(**options: Any) -> optuna.Study:
        storage = JournalStorage(JournalFileBackend(f"{tmp_path}/studies.log"))
        sampler = NelderMeadSampler(PLANE, seed=2, **options)
        return study_of(sampler, storage=storage, study_name="a", load_if_exists=True)

    return opened


def test_a_study_resumes_where_it_was(process: Callable[..., optuna.Study]) -> None:
    alone = study_of(NelderMeadSampler(PLANE, seed=2, parallel=False))
    alone.optimize(bowl, n_trials=40)
    for count in (9, 1, 30):
        study = process(parallel=False)
        study.optimize(bowl, n_trials=count)
    assert points(study) == points(alone)


def test_a_parallel_study_resumes_with_all_it_knows(process: Callable[..., optuna.Study]) -> None:
    for _ in range(4):
        study = process()
        study.optimize(bowl, n_trials=15)
    assert study.best_value < 1e-4
    assert len({str(point) for point in points(study)}) == 60


def test_two_processes_work_at_one_simplex(process: Callable[..., optuna.Study]) -> None:
    studies, out = [process(), process()], list[tuple[optuna.Study, Any, float]]()
    for number in range(40):
        study = studies[number % 2]
        trial = study.ask()
        out.append((study, trial, bowl(trial)))
        if len(out) == 4:
            teller, trial, value = out.pop(0)
            teller.tell(trial, value)
    assert len({str(point) for point in points(studies[0])}) == 40
    assert studies[0].best_value < 0.01


def test_it_pickles_and_goes_on() -> None:
    sampler = NelderMeadSampler(PLANE, seed=2)
    study = study_of(sampler)
    study.optimize(bowl, n_trials=20)
    study.sampler = pickle.loads(pickle.dumps(sampler))
    study.optimize(bowl, n_trials=10)
    alone = study_of(NelderMeadSampler(PLANE, seed=2))
    alone.optimize(bowl, n_trials=30)
    assert points(study) == points(alone)


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(ValueError, match="siez"):
        NelderMeadSampler(siez=0.2)


@pytest.mark.parametrize(
    ("line", "absent"),
    [
        ("import autopeft.searchers", ["optuna", "ray", "torch"]),
        ("from autopeft.searchers import NelderMeadSampler", ["ray", "torch", "mlflow"]),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(line: str, absent: list[str]) -> None:
    code = f"import sys; {line}; print([n for n in {absent} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_an_unknown_name_is_no_sampler() -> None:
    import autopeft.searchers

    with pytest.raises(AttributeError, match="NelderSampler"):
        _: Callable[..., Any] = autopeft.searchers.NelderSampler


def test_a_study_of_the_same_name_that_was_begun_anew_begins_anew(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/studies.db"
    used = NelderMeadSampler(PLANE, seed=5)
    first = study_of(used, storage=storage, study_name="q")
    first.optimize(bowl, n_trials=20)
    optuna.delete_study(study_name="q", storage=storage)
    again = study_of(used, storage=storage, study_name="q", direction="maximize")
    again.optimize(lambda trial: -bowl(trial), n_trials=20)
    fresh = study_of(NelderMeadSampler(PLANE, seed=5), direction="maximize")
    fresh.optimize(lambda trial: -bowl(trial), n_trials=20)
    assert points(again) == points(fresh)


def test_whole_numbers_on_a_logarithmic_scale_are_paid_for_once() -> None:
    space = {name: IntDistribution(1, 64, log=True) for name in ("rank", "width")}
    study = study_of(NelderMeadSampler(space, seed=1))

    def away(trial: Any) -> float:
        rank, width = (trial.suggest_int(name, 1, 64, log=True) for name in space)
        return float(np.log(rank / 11) ** 2 + np.log(width / 3) ** 2)

    study.optimize(away, n_trials=60)
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 60
    assert study.best_params == {"rank": 11, "width": 3}


def test_what_the_objective_never_suggests_is_not_waited_for() -> None:
    wide = {"x": FloatDistribution(-8, 8), "y": FloatDistribution(-8, 8)}
    study = study_of(NelderMeadSampler(wide, seed=2))
    study.optimize(
        lambda trial: (
            (trial.suggest_float("x", -4, 4) - 1) ** 2 + (trial.suggest_float("y", -4, 4) + 2) ** 2
        ),
        n_trials=100,
    )
    assert study.best_value < 1e-3


def test_numeric_choices_lie_in_the_order_of_their_numbers() -> None:
    listed = dimension_of("x", CategoricalDistribution([8, 1, 4, 2]))
    assert (listed.choices, listed.ordered) == ((1, 2, 4, 8), True)
    assert not dimension_of("x", CategoricalDistribution([1.0, float("nan")])).ordered
