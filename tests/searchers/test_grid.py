"""The grid of a space with branches: every combination once."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopeft.searchers import Done, Proposal, Setting, Value
from autopeft.searchers.grid import Grid
from autopeft.spec.searcher import GridSearcher
from autopeft.spec.space import Axis, Dimension, active_axes

BRANCHED = (
    Axis("method", levels=3, ordered=False),
    Axis("method.lora.rank", levels=4, when=("method", 0)),
    Axis("method.lora.rate", when=("method", 0)),
    Axis("method.ia3.rate", when=("method", 1)),
    Axis("batch", levels=2),
)


def all_of(axes: tuple[Axis, ...], *, points: int = 3, **more: Any) -> list[dict[str, float]]:
    searcher = Grid(GridSearcher(points=points), Setting(axes, ("max",), **{"seed": 0, **more}))
    cubes = []
    while isinstance(answer := searcher.ask(), Proposal):
        cubes.append(dict(answer.cube))
        searcher.tell(answer.number, Value((0.0,)))
    assert isinstance(answer, Done)
    assert isinstance(searcher.ask(), Done)
    return cubes


def keys(cubes: list[dict[str, float]]) -> list[tuple[tuple[str, float], ...]]:
    return [tuple(sorted(cube.items())) for cube in cubes]


def test_every_combination_comes_once() -> None:
    cubes = all_of((Axis("x", levels=3), Axis("y")), points=4)
    assert sorted(tuple(cube.values()) for cube in cubes) == sorted(
        product([1 / 6, 0.5, 5 / 6], [0, 1 / 3, 2 / 3, 1])
    )


def test_every_whole_number_of_a_logarithmic_scale_comes_once() -> None:
    rank = Dimension("rank", "int", 1, 8, log=True)
    assert sorted(rank.value(cube["rank"]) for cube in all_of((rank.axis,))) == [*range(1, 9)]


def test_a_branch_has_its_own_parameters_only() -> None:
    cubes = all_of(BRANCHED)
    assert len(cubes) == len(set(keys(cubes))) == 4 * 3 * 2 + 3 * 2 + 2
    for cube in cubes:
        assert set(cube) == {axis.name for axis in active_axes(BRANCHED, cube)}


def test_the_ends_of_a_continuous_axis_are_on_the_grid() -> None:
    assert {0.0, 1.0} < {cube["x"] for cube in all_of((Axis("x"),), points=5)}


@settings(max_examples=25)
@given(st.lists(st.sampled_from([1, 2, 3, 5, None]), max_size=4), st.integers(0, 9))
def test_the_order_is_drawn_from_the_seed_and_complete(levels: list[int | None], seed: int) -> None:
    axes = tuple(Axis(f"x{i}", levels=n) for i, n in enumerate(levels))
    cubes = all_of(axes, points=2, seed=seed)
    assert len(cubes) == len(set(keys(cubes)))
    assert set(keys(cubes)) == set(keys(all_of(axes, points=2, seed=seed + 1)))


def test_a_grid_too_large_to_hold_begins_at_once() -> None:
    axes = tuple(Axis(f"x{i}", levels=10) for i in range(30))
    searcher = Grid(GridSearcher(), Setting(axes, ("max",), 0))
    cubes = [answer.cube for _ in range(5) if isinstance(answer := searcher.ask(), Proposal)]
    assert len(set(map(str, cubes))) == 5


@pytest.mark.parametrize("cut", [0, 1, 5])
def test_loaded_it_goes_on_after_as_many(cut: int) -> None:
    setting = Setting(BRANCHED, ("max",), 3, first=({"batch": 0.25},))
    one, other = Grid(GridSearcher(), setting), Grid(GridSearcher(), setting)
    for _ in range(cut):
        one.ask()
    other.load(one.state())
    assert one.ask() == other.ask()


def test_first_points_come_first_and_are_completed() -> None:
    first = ({"batch": 0.75}, {"method": 0.5, "method.ia3.rate": 0.1})
    cubes = all_of(BRANCHED, first=first)
    assert cubes[0]["batch"] == 0.75
    assert cubes[1] == {"method": 0.5, "method.ia3.rate": 0.1, "batch": 0.75}
    assert len(cubes) == 2 + 32
