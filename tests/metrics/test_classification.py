from math import isnan, log

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from autopeft.metrics import accuracy, cross_entropy, standard_error

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(200, 7))
LABELS = RNG.integers(0, 7, 200)


def test_an_oracle_is_perfect_and_shuffled_scores_are_chance():
    oracle = np.eye(7)[LABELS]
    assert accuracy(oracle, LABELS) == 1
    many = RNG.integers(0, 7, 20_000)
    shuffled = np.eye(7)[RNG.permutation(many)]
    assert abs(accuracy(shuffled, many) - 1 / 7) < 4 * standard_error(1 / 7, 20_000)


def test_they_agree_with_sklearn():
    assert accuracy(SCORES, LABELS) == accuracy_score(LABELS, SCORES.argmax(1))
    probabilities = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
    assert cross_entropy(SCORES, LABELS) == pytest.approx(
        log_loss(LABELS, probabilities, labels=range(7))
    )


def test_cross_entropy_of_equal_scores_is_that_of_guessing_even_where_they_are_huge():
    assert cross_entropy(np.full((3, 4), 1e4), [0, 1, 2]) == pytest.approx(log(4))


def test_standard_error_is_the_spread_of_repeated_measurements():
    shares = RNG.binomial(280, 0.6, 20_000) / 280
    assert standard_error(0.6, 280) == pytest.approx(shares.std(), rel=0.03)
    assert standard_error(1.0, 5) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_give_nan(bad):
    scores = SCORES.copy()
    scores[3, 2] = bad
    assert isnan(accuracy(scores, LABELS))
    assert isnan(cross_entropy(scores, LABELS))
    assert isnan(standard_error(float("nan"), 10))
