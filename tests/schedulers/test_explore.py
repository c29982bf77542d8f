"""Explored values lie in their dimensions, near the copied ones, and come again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopeft.schedulers.explore import changing, explore
from autopeft.spec.space import Dimension, Space

RATE = "method.lora.learning_rate"
SPACE = Space(
    (
        Dimension(RATE, "float", 1e-4, 1e-2, log=True),
        Dimension("method.lora.rank", "int", 1, 64, log=True),
        Dimension("training.weight_decay", "float", 0.0, 0.1),
        Dimension("training.clip_norm", "choice", choices=(0.5, 1.0, 2.0)),
        Dimension("method.lora.dropout", "choice", choices=("none", "some"), ordered=False),
        Dimension("training.batch_size", "int", 8, 64, step=8),
    )
)
MIDDLE = SPACE.decode({d.name: 0.5 for d in SPACE.dimensions})


def test_what_is_built_never_changes() -> None:
    names = [dimension.name for dimension in changing(SPACE)]
    assert names == [RATE, "training.weight_decay", "training.clip_norm", "method.lora.dropout"]
    assert set(explore(SPACE, MIDDLE, seed=1, resample=0.5)) == set(names)


@given(st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1))
def test_values_stay_in_their_dimensions_and_come_again(
    seed: int, at: float, resample: float
) -> None:
    values = SPACE.decode({d.name: at for d in SPACE.dimensions})
    explored = explore(SPACE, values, seed=seed, resample=resample)
    for name, value in explored.items():
        assert 0 <= SPACE[name].position(value) <= 1
    assert explore(SPACE, values, seed=seed, resample=resample) == explored


@given(st.integers(0, 2**31))
def test_a_number_moves_by_a_fifth_and_a_level_to_its_neighbour(seed: int) -> None:
    explored = explore(SPACE, MIDDLE, seed=seed, resample=0.0)
    factor = explored[RATE] / MIDDLE[RATE]
    assert factor == pytest.approx(0.8) or factor == pytest.approx(1.2)
    assert explored["training.clip_norm"] in (0.5, 2.0)


def test_each_value_is_drawn_by_itself() -> None:
    draws: list[dict[str, Any]] = [
        explore(SPACE, MIDDLE, seed=seed, resample=0.25) for seed in range(50)
    ]
    pairs = {
        (draw[RATE] > MIDDLE[RATE], draw["training.weight_decay"] > MIDDLE["training.weight_decay"])
        for draw in draws
    }
    assert len(pairs) == 4


def test_a_dimension_of_another_branch_is_left_out() -> None:
    assert explore(SPACE, {RATE: 1e-3}, seed=1, resample=0.0).keys() == {RATE}
