"""The simplex's arithmetic: SciPy is the oracle of its moves, geometry that of its starts."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopeft.searchers.simplex import (
    Accept,
    Coefficients,
    Move,
    Need,
    Shrink,
    Simplex,
    decide,
    inside,
)
from autopeft.searchers.simplex_starts import (
    completing,
    random_simplex,
    regular_simplex,
    spanning,
)

UNIT = st.floats(0, 1)


def points(d: int, count: int) -> st.SearchStrategy[Any]:
    return st.lists(st.tuples(*[UNIT] * d), min_size=count, max_size=count)


@st.composite
def simplices(draw: st.DrawFn) -> Simplex:
    d = draw(st.integers(1, 5))
    losses = draw(st.lists(st.integers(-3, 3), min_size=d + 1, max_size=d + 1))
    return Simplex.of(list(zip(draw(points(d, d + 1)), map(float, losses), strict=True)))


TRIANGLE = Simplex.of([((1.0, 0.0), 3.0), ((0.0, 0.0), 1.0), ((0.0, 1.0), 2.0)])


def test_vertices_are_ordered_with_their_losses() -> None:
    assert TRIANGLE.vertices == ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0))
    assert TRIANGLE.losses == (1.0, 2.0, 3.0)
    assert Simplex.of(TRIANGLE.evaluated) == TRIANGLE


def test_equal_losses_keep_their_order() -> None:
    assert Simplex.of([((0.3,), 1.0), ((0.1,), 1.0)]).vertices == ((0.3,), (0.1,))


@pytest.mark.parametrize(
    ("move", "to"),
    [
        (Move.REFLECT, (-1.0, 1.0)),
        (Move.EXPAND, (-2.0, 1.5)),
        (Move.OUTSIDE, (-0.5, 0.75)),
        (Move.INSIDE, (0.5, 0.25)),
    ],
)
def test_the_worst_vertex_moves_through_the_middle_of_the_others(
    move: Move, to: tuple[float, float]
) -> None:
    assert TRIANGLE.moved(move, by=Coefficients()) == to


def test_a_better_vertex_moves_about_those_that_are_better_still() -> None:
    assert TRIANGLE.moved(Move.REFLECT, by=Coefficients(), vertex=1) == (0.0, -1.0)


def test_a_shrink_halves_the_way_to_the_best() -> None:
    assert TRIANGLE.shrunken(by=Coefficients()) == ((0.0, 0.5), (0.5, 0.0))


@given(simplices())
def test_a_shrink_keeps_the_shape(simplex: Simplex) -> None:
    best, shrunken = simplex.evaluated[0], simplex.shrunken(by=Coefficients())
    smaller = Simplex.of([best, *((point, best[1] + 1) for point in shrunken)])
    assert smaller.diameter == pytest.approx(simplex.diameter / 2, abs=1e-12)
    if simplex.diameter > 1e-3:
        assert smaller.flatness == pytest.approx(simplex.flatness, abs=1e-6)


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        ({}, Need(Move.REFLECT)),
        ({Move.REFLECT: 0.5}, Need(Move.EXPAND)),
        ({Move.REFLECT: 0.5, Move.EXPAND: 0.4}, Accept(Move.EXPAND)),
        ({Move.REFLECT: 0.5, Move.EXPAND: 0.5}, Accept(Move.REFLECT)),
        ({Move.REFLECT: 1.0}, Accept(Move.REFLECT)),
        ({Move.REFLECT: 1.9}, Accept(Move.REFLECT)),
        ({Move.REFLECT: 2.0}, Need(Move.OUTSIDE)),
        ({Move.REFLECT: 2.5, Move.OUTSIDE: 2.5}, Accept(Move.OUTSIDE)),
        ({Move.REFLECT: 2.5, Move.OUTSIDE: 2.6}, Shrink()),
        ({Move.REFLECT: 3.0}, Need(Move.INSIDE)),
        ({Move.REFLECT: math.inf, Move.INSIDE: 2.9}, Accept(Move.INSIDE)),
        ({Move.REFLECT: math.inf, Move.INSIDE: 3.0}, Shrink()),
    ],
    ids=str,
)
def test_the_decision_is_the_textbooks(known: dict[Move, float], verdict: Any) -> None:
    assert decide(TRIANGLE, known) == verdict


@given(simplices(), st.lists(st.integers(-4, 4), min_size=4, max_size=4))
def test_what_is_known_beforehand_does_not_change_the_decision(
    simplex: Simplex, losses: list[int]
) -> None:
    everything = dict(zip(Move, map(float, losses), strict=True))
    known: dict[Move, float] = {}
    while isinstance(verdict := decide(simplex, known), Need):
        known[verdict.move] = everything[verdict.move]
    assert decide(simplex, everything) == verdict


def test_coefficients_for_many_dimensions_are_those_of_gao_and_han() -> None:
    assert Coefficients.adaptive(1) == Coefficients()
    assert Coefficients.adaptive(2) == Coefficients(1.0, 2.0, 0.5, 0.5)
    assert Coefficients.adaptive(4) == Coefficients(1.0, 1.5, 0.625, 0.75)


# Shape


def test_a_simplex_in_a_line_is_flat() -> None:
    assert Simplex.of([((0.1, 0.1), 0), ((0.2, 0.2), 1), ((0.4, 0.4), 2)]).flatness < 1e-9
    assert Simplex.of([((0.1, 0.1), 0), ((0.1, 0.1), 1), ((0.1, 0.1), 2)]).flatness == 0


def test_flatness_does_not_depend_on_size() -> None:
    small = [((0.0, 0.0), 0.0), ((1e-9, 0.0), 1.0), ((0.0, 1e-9), 2.0)]
    assert Simplex.of(small).flatness == pytest.approx(1.0)


# Starts


@pytest.mark.parametrize("d", [1, 2, 5, 12])
@pytest.mark.parametrize("seed", [0, 7, 2**40 + 1])
def test_a_random_simplex_is_what_aiaccel_draws(d: int, seed: int) -> None:
    drawn = np.random.RandomState(seed % 2**32).uniform(0, 1, (d + 1, d))
    assert np.array_equal(random_simplex(d, seed=seed), drawn)


@given(st.integers(1, 8), st.floats(0.01, 0.5), st.integers(0, 99))
def test_a_regular_simplex_is_regular(d: int, size: float, seed: int) -> None:
    corners = np.asarray(regular_simplex((0.5,) * d, size, rng=np.random.default_rng(seed)))
    assert np.allclose(np.linalg.norm(corners - 0.5, axis=1), size)
    edges = [np.linalg.norm(a - b) for i, a in enumerate(corners) for b in corners[:i]]
    assert np.allclose(edges, edges[0])
    assert np.allclose(corners.mean(axis=0), 0.5)


def test_a_simplex_without_dimensions_is_a_point() -> None:
    assert regular_simplex((), 0.3, rng=np.random.default_rng(0)) == ((),)
    assert random_simplex(0, seed=0) == ((),)


@given(st.integers(1, 5).flatmap(lambda d: points(d, 7)), st.lists(UNIT, min_size=7, max_size=7))
def test_any_points_are_completed_to_a_simplex_around_the_best(
    places: list[tuple[float, ...]], losses: list[float]
) -> None:
    d = len(places[0])
    corners = spanning(list(zip(places, losses, strict=True)))
    assert corners[0][1] == min(losses)
    added = completing([point for point, _ in corners], sizes=[0.3] * d)
    assert len(corners) + len(added) == d + 1
    assert all(point == inside(point) for point in added)
    assert np.linalg.matrix_rank(np.subtract([*dict(corners), *added][1:], corners[0][0])) == d


def test_points_keep_their_losses_where_some_are_chosen() -> None:
    places = [((0.5, 0.5), 3.0), ((0.1, 0.1), 1.0), ((0.3, 0.3), 2.0), ((0.5, 0.4), 9.0)]
    assert spanning(places) == [((0.1, 0.1), 1.0), ((0.3, 0.3), 2.0), ((0.5, 0.4), 9.0)]
