"""Which loss of a prediction's trial shows that it was wrong."""

import numpy as np
import pytest

from autopeft.bridge.expected_loss import loss_limit
from autopeft.bridge.pairs import Pair, Seen


def pairs(count: int, *, slope: float, noise: float, seed: int) -> list[Pair]:
    """Targets whose best loss follows the proxy's."""
    rng = np.random.default_rng(seed)
    return [
        Pair(
            scenario=f"s{index}", target={"x": 0.5}, loss=slope * cheap + rng.normal(0, noise),
            seen=Seen(optimum={}, surface={}, loss=cheap),
        )
        for index, cheap in enumerate(rng.uniform(0, 1, count).tolist())
    ]  # fmt: skip


def seen(loss: float | None) -> Seen:
    return Seen(optimum={}, surface={}, loss=loss)


def test_where_targets_lose_alike_the_limit_is_what_predictions_lose():
    limit = loss_limit(pairs(8, slope=0.0, noise=0.0, seed=0), (0.02, 0.01), seen(0.3))
    assert 0.02 < limit < 0.02 + 0.01 * 6


def test_it_follows_how_hard_the_data_is_for_the_proxy():
    known = pairs(10, slope=2.0, noise=0.01, seed=1)
    easy, hard = (loss_limit(known, (0.01, 0.01), seen(at)) for at in (0.1, 0.9))
    assert hard - easy == pytest.approx(1.6, abs=0.1)
    assert 0.2 < easy < 0.35


@pytest.mark.parametrize("lost", [None, 0.3])
def test_a_proxy_that_tells_nothing_leaves_the_mean(lost):
    known = pairs(8, slope=0.0, noise=0.1, seed=2)
    limit = loss_limit(known, (0.0, 0.0), seen(lost))
    losses = [pair.loss for pair in known]
    assert max(losses) < limit < np.mean(losses) + 8 * np.std(losses)


def test_few_right_predictions_are_taken_for_wrong_ones():
    taken = 0
    for seed in range(300):
        *known, new = pairs(8, slope=1.0, noise=0.1, seed=seed)
        taken += new.loss > loss_limit(known, (0.0, 0.0), seen(new.seen.loss))
    assert taken <= 3
