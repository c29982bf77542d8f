"""Whether domains differ, told from luck; and one-shot predictions on recordings."""

import json

import numpy as np
import pandas as pd
import pytest

from autopeft.simulation import domain_study as study
from autopeft.simulation.domain_study import Scores
from autopeft.simulation.recorded import Recorded, recordings_of
from autopeft.spec.space import Axis

CLIPS = 400


def scores(truth_DK: np.ndarray, *, seed: int = 0) -> Scores:
    """Return accuracies as counting so many clips would find them, twice."""
    rng = np.random.default_rng(seed)
    names = tuple(f"d{index}" for index in range(len(truth_DK)))
    validation, test = (rng.binomial(CLIPS, truth_DK) / CLIPS for _ in range(2))
    return Scores(names, validation, test, np.full(len(truth_DK), CLIPS))


def test_domains_with_one_optimum_do_not_differ_though_luck_picks_others():
    draws = [scores(np.tile(np.linspace(0.5, 0.6, 40), (16, 1)), seed=seed) for seed in range(20)]
    assert all(len(set(alike.best.tolist())) > 3 for alike in draws)  # luck
    lost = [study.one_for_all(alike).mean() for alike in draws]
    assert abs(np.mean(lost)) < 0.01
    lows = [study.interval(study.one_for_all(alike))[1] for alike in draws]
    assert np.mean(np.asarray(lows) > 0) <= 0.1
    pairs = ~np.eye(16, dtype=bool)
    clear = [(study.borrowed(a) > study.SIGMAS * study.noise(a))[pairs].mean() for a in draws]
    assert np.mean(clear) < 0.05


def test_domains_with_optima_of_their_own_differ():
    grid = np.linspace(0, 1, 40)
    own = np.linspace(0, 1, 16)[:, None]
    unlike = scores(0.7 - 0.5 * (grid - own) ** 2)
    _, low, _ = study.interval(study.one_for_all(unlike))
    assert low > 0.01
    assert np.diag(study.borrowed(unlike)) == pytest.approx(np.zeros(16))
    assert study.borrowed(unlike)[0, 15] > 0.3


def test_the_best_of_all_is_chosen_without_the_domain_it_is_judged_on():
    validation = np.asarray([[0.9, 0.1, 0.2], [0.1, 0.5, 0.4], [0.1, 0.5, 0.4]])
    found = Scores(("a", "b", "c"), validation, validation, np.full(3, CLIPS))
    assert study.one_for_all(found) == pytest.approx([0.8, 0.4, 0.4])


def target(losses: list[float]) -> Recorded:
    rows = [
        {"config": k, "seed": 0, "values": "{}", "cube": json.dumps({"x": k / 10}), "step": 10,
         "validation": 1 - loss, "test": 1 - loss, "step_seconds": 0.1, "trainable_parameters": 1}
        for k, loss in enumerate(losses)
    ]  # fmt: skip
    return Recorded(recordings_of(pd.DataFrame(rows)), [Axis("x")], seed=0)


def test_a_random_search_finds_the_best_of_thirty_and_not_always_of_all():
    recorded = target([0.5, *(0.6 + 0.001 * k for k in range(39))])
    found = [study.random_optimum(recorded, repetition=r, name="a") for r in range(40)]
    assert set(np.round(found, 6)) >= {0.5, 0.6}
    assert np.mean(np.asarray(found) == 0.5) == pytest.approx(0.75, abs=0.2)
    assert found[:3] == [study.random_optimum(recorded, repetition=r, name="a") for r in range(3)]


def test_domains_are_compared_on_the_configurations_they_share():
    short, whole = target([0.3, 0.2]), target([0.1, 0.4, 0.0])
    found = study.scores_of({"a": short, "b": whole}, {"a": 10, "b": 20})
    assert found.validation == pytest.approx(np.asarray([[0.7, 0.8], [0.9, 0.6]]))
    assert found.best.tolist() == [1, 0]
