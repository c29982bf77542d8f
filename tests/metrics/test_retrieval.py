from math import isnan

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from autopeft.metrics import map_at_k, recall_at_k

RNG = np.random.default_rng(0)

# Four queries, six items. By hand, relevance in order of falling score:
#   1 0 0 1 0 0    R@1 1, AP@3 (1/1)/2
#   0 1 1 0 0 1    R@1 0, AP@3 (1/2 + 2/3)/3
#   0 0 0 0 0 1    R@1 0, AP@3 0
#   0 0 0 0 0 0    no relevant item: does not count
RELEVANT = np.array(
    [[1, 0, 0, 1, 0, 0], [0, 1, 1, 0, 0, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0]]
)
FALLING = np.tile(np.arange(6, 0, -1.0), (4, 1))


def test_numbers_computed_by_hand():
    order = RNG.permutation(6)
    scores, relevant = FALLING[:, order], RELEVANT[:, order]
    assert recall_at_k(scores, relevant, k=1) == pytest.approx(1 / 3)
    assert recall_at_k(scores, relevant, k=3) == pytest.approx(2 / 3)
    assert recall_at_k(scores, relevant, k=10) == 1
    assert map_at_k(scores, relevant, k=3) == pytest.approx((1 / 2 + 7 / 18 + 0) / 3)
    full = (1 + 2 / 4) / 2, (1 / 2 + 2 / 3 + 3 / 6) / 3, 1 / 6
    assert map_at_k(scores, relevant, k=10) == pytest.approx(np.mean(full))


def test_five_captions_per_sound_are_counted_as_the_field_does():
    # 20 sounds, 100 captions; each sound's best caption first, its other four last:
    # any relevant at rank 1, so R@1 is 1 (torchmetrics says 0.2), and mAP@10 divides by five.
    relevant = np.repeat(np.eye(20), 5, axis=1)
    scores = -relevant
    scores[np.arange(20), np.arange(0, 100, 5)] = 1
    assert recall_at_k(scores, relevant, k=1) == 1
    assert map_at_k(scores, relevant, k=10) == pytest.approx(1 / 5)


@pytest.mark.parametrize("k", [1, 5, 10])
def test_one_relevant_item_is_sklearns_top_k_accuracy(k):
    scores, labels = RNG.normal(size=(300, 28)), RNG.integers(0, 28, 300)
    relevant = np.eye(28)[labels]
    expected = top_k_accuracy_score(labels, scores, k=k, labels=range(28))
    assert recall_at_k(scores, relevant, k=k) == pytest.approx(expected)


def test_over_all_items_it_is_sklearns_average_precision():
    scores, relevant = RNG.normal(size=(40, 30)), RNG.random((40, 30)) < 0.2
    rows = [(s, r) for s, r in zip(scores, relevant, strict=True) if r.any()]
    expected = np.mean([average_precision_score(r, s) for s, r in rows])
    assert map_at_k(scores, relevant, k=30) == pytest.approx(expected)


@pytest.mark.parametrize("relevant_items", [1, 3, 25])
def test_an_oracle_is_perfect_also_with_more_relevant_items_than_ranks(relevant_items):
    relevant = np.zeros((5, 100))
    for row in relevant:
        row[RNG.permutation(100)[:relevant_items]] = 1
    assert recall_at_k(relevant, relevant, k=1) == 1
    assert map_at_k(relevant, relevant, k=10) == 1


def test_shuffled_scores_are_chance():
    scores, relevant = RNG.normal(size=(20_000, 28)), np.eye(28)[RNG.integers(0, 28, 20_000)]
    assert recall_at_k(scores, relevant, k=5) == pytest.approx(5 / 28, abs=0.01)
    # The mean of 1/rank over ranks 1 to 10 of 28.
    chance = sum(1 / rank for rank in range(1, 11)) / 28
    assert map_at_k(scores, relevant, k=10) == pytest.approx(chance, abs=0.01)


def test_nothing_to_find_and_scores_that_are_not_finite_give_nan():
    assert isnan(recall_at_k(FALLING, np.zeros((4, 6)), k=1))
    assert isnan(map_at_k(FALLING, np.zeros((4, 6)), k=1))
    broken = FALLING.copy()
    broken[0, 0] = np.nan
    assert isnan(recall_at_k(broken, RELEVANT, k=1))
    assert isnan(map_at_k(broken, RELEVANT, k=1))
