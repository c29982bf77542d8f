"""Problems with several objectives: their fronts are where theory puts them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopeft.simulation.fronts import PROBLEMS, Front, dtlz2

POSITIONS = st.floats(0, 1)


@given(st.lists(POSITIONS, min_size=2, max_size=2))
def test_the_front_of_dtlz2_is_the_unit_sphere(angles: list[float]) -> None:
    losses = dtlz2([*angles, 0.5, 0.5, 0.5, 0.5], 3)
    assert math.hypot(*losses) == pytest.approx(1)
    assert min(losses) >= -1e-12


@given(st.lists(POSITIONS, min_size=6, max_size=6))
def test_nothing_lies_before_the_front_of_dtlz2(x: list[float]) -> None:
    assert math.hypot(*dtlz2(x, 3)) >= 1 - 1e-12


@pytest.mark.parametrize("objectives", [2, 3])
def test_a_dense_front_covers_what_the_sphere_leaves(objectives: int) -> None:
    front = Front("dtlz2", objectives)
    rng = np.random.default_rng(0)
    cubes = [
        dict(zip((a.name for a in front.axes), (*angles, *[0.5] * 5), strict=False))
        for angles in rng.uniform(size=(600, objectives - 1))
    ]
    ball = {2: math.pi / 4, 3: math.pi / 6}[objectives]
    found = front.hypervolume([front.losses(cube) for cube in cubes])
    assert found == pytest.approx(1.5**objectives - ball, rel=0.03)
    assert found < 1.5**objectives - ball


@pytest.mark.parametrize("name", PROBLEMS)
def test_one_more_trial_never_covers_less(name: str) -> None:
    front, rng = Front(name, 2), np.random.default_rng(1)
    losses = [
        front.losses({axis.name: float(x) for axis, x in zip(front.axes, row, strict=True)})
        for row in rng.uniform(size=(30, len(front.axes)))
    ]
    volumes = [front.hypervolume(losses[:count]) for count in range(1, 31)]
    assert volumes == sorted(volumes)
    assert volumes[-1] > volumes[0]
