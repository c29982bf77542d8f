"""The quadratic's step: exact on quadratics, harmless on everything else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autopeft.searchers.quadratic_model import coefficients_of, quadratic_step


def bowl(points: np.ndarray, centre: np.ndarray, seed: int) -> np.ndarray:
    d = len(centre)
    turn = np.random.default_rng(seed).normal(size=(d, d))
    away = (points - centre) @ turn
    return np.asarray((away**2).sum(axis=1) + 3.0)


@pytest.mark.parametrize("d", [1, 2, 3, 5, 8])
def test_a_quadratics_minimum_is_found_in_one_step(d: int) -> None:
    rng = np.random.default_rng(d)
    points, centre = rng.random((coefficients_of(d) + 3, d)), rng.uniform(0.3, 0.7, d)
    step = quadratic_step(points, bowl(points, centre, d), neighbours=len(points), radius=9.0)
    assert step is not None
    assert np.allclose(step, centre, atol=1e-6)


def test_a_full_quadratic_has_so_many_coefficients() -> None:
    assert [coefficients_of(d) for d in (1, 2, 5)] == [3, 6, 21]


@pytest.mark.parametrize("d", [2, 5])
def test_few_points_give_the_diagonal_only(d: int) -> None:
    rng = np.random.default_rng(d)
    points, centre = rng.random((2 * d + 1, d)), np.full(d, 0.4)
    losses = ((points - centre) ** 2 * np.arange(1, d + 1)).sum(axis=1)
    step = quadratic_step(points, losses, neighbours=2 * d + 1, radius=9.0)
    assert step is not None
    assert np.allclose(step, centre, atol=1e-6)


@pytest.mark.parametrize("d", [2, 5])
def test_fewer_still_give_a_bowl_that_is_equally_steep_on_all_sides(d: int) -> None:
    rng = np.random.default_rng(d)
    points, centre = rng.random((d + 2, d)), np.full(d, 0.4)
    losses = 3 * ((points - centre) ** 2).sum(axis=1) + 1
    step = quadratic_step(points, losses, neighbours=d + 2, radius=9.0)
    assert step is not None
    assert np.allclose(step, centre, atol=1e-6)


@given(
    st.integers(1, 4).flatmap(
        lambda d: arrays(float, (3 * d + 2, d), elements=st.floats(0, 1, width=16))
    ),
    st.integers(0, 99),
    st.sampled_from([0.1, 0.5, 2.0]),
    st.sampled_from([1e-12, 1.0, 1e150]),
)
def test_the_step_stays_in_the_cube_and_within_its_radius(
    points: np.ndarray, seed: int, radius: float, scale: float
) -> None:
    losses = np.random.default_rng(seed).normal(size=len(points)) * scale
    step = quadratic_step(points, losses, neighbours=len(points), radius=radius)
    best = points[np.argmin(losses)]
    reach = np.linalg.norm(points - best, axis=1).max()
    if reach == 0:
        assert step is None
        return
    assert step is not None
    assert np.all((step >= 0) & (step <= 1))
    assert np.linalg.norm(step - best) <= radius * reach * (1 + 1e-6)


def test_a_saddle_sends_it_downhill_to_the_radius() -> None:
    points = np.random.default_rng(0).uniform(0.3, 0.7, (30, 2))
    losses = (points[:, 0] - 0.5) ** 2 - (points[:, 1] - 0.5) ** 2
    step = quadratic_step(points, losses, neighbours=30, radius=0.5)
    assert step is not None
    reach = np.linalg.norm(points - points[np.argmin(losses)], axis=1).max()
    away = np.linalg.norm(step - points[np.argmin(losses)])
    assert away == pytest.approx(0.5 * reach, rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 7.0, 1e300])
def test_a_constant_gives_no_step(value: float) -> None:
    points = np.random.default_rng(0).random((9, 2))
    assert quadratic_step(points, np.full(9, value), neighbours=9, radius=1.0) is None


def test_one_place_gives_no_step() -> None:
    points, losses = np.full((9, 2), 0.3), np.arange(9.0)
    assert quadratic_step(points, losses, neighbours=9, radius=1.0) is None


def test_losses_too_far_apart_to_subtract_give_no_step() -> None:
    points = np.random.default_rng(0).random((9, 2))
    losses = np.where(np.arange(9) % 2, 1.7e308, -1.7e308)
    assert quadratic_step(points, losses, neighbours=9, radius=1.0) is None
