"""The unit cube: every value has a place, every place has a value."""

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autopeft.spec.space import Dimension, Space, active_axes

POSITIONS = st.floats(-0.5, 1.5, allow_nan=False)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def floats(draw: st.DrawFn) -> Dimension:
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    assume(high - low > 1e-6 * max(abs(low), abs(high), 1e-6))
    return Dimension("x", "float", low, high)


@st.composite
def log_floats(draw: st.DrawFn) -> Dimension:
    low = draw(st.floats(1e-9, 1e3))
    return Dimension("x", "float", low, low * draw(st.floats(1.01, 1e8)), log=True)


@st.composite
def stepped_floats(draw: st.DrawFn) -> Dimension:
    step = draw(st.sampled_from([0.05, 0.1, 0.25, 0.5, 1.0, 2.5]))
    low = draw(st.integers(-20, 20)) * step
    return Dimension("x", "float", low, low + draw(st.integers(1, 60)) * step, step=step)


@st.composite
def integers(draw: st.DrawFn) -> Dimension:
    step = draw(st.sampled_from([None, 1, 2, 5]))
    low = draw(st.integers(-50, 50))
    return Dimension("x", "int", low, low + draw(st.integers(1, 60)) * (step or 1), step=step)


@st.composite
def log_integers(draw: st.DrawFn) -> Dimension:
    low = draw(st.integers(1, 20))
    return Dimension("x", "int", low, low + draw(st.integers(1, 2000)), log=True)


@st.composite
def choices(draw: st.DrawFn) -> Dimension:
    scalars = st.one_of(st.integers(-9, 9), st.text("abc.+", max_size=4), st.none())
    values = tuple(draw(st.lists(scalars, min_size=1, max_size=12, unique=True)))
    return Dimension("x", "choice", choices=values, ordered=draw(st.booleans()))


LEVELLED = st.one_of(stepped_floats(), integers(), choices())
CONTINUOUS = st.one_of(floats(), log_floats())
ANY = st.one_of(LEVELLED, CONTINUOUS, log_integers())


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other and type(one) is type(other))


@given(ANY, POSITIONS)
def test_a_value_comes_back_from_its_position(dimension: Dimension, position: float) -> None:
    value = dimension.value(position)
    again = dimension.value(dimension.position(value))
    if isinstance(value, float) and not dimension.log:
        assert math.isclose(value, again, abs_tol=1e-9 * (dimension.high - dimension.low))
    else:
        assert same(value, again)


@given(CONTINUOUS, st.floats(0, 1))
def test_a_position_comes_back_from_its_value(dimension: Dimension, position: float) -> None:
    assert math.isclose(dimension.position(dimension.value(position)), position, abs_tol=1e-6)


@given(LEVELLED)
def test_every_level_is_equally_reachable(dimension: Dimension) -> None:
    levels, hits = dimension.levels or 0, 7
    grid = [(i + 0.5) / (levels * hits) for i in range(levels * hits)]
    assert set(Counter(map(repr, map(dimension.value, grid))).values()) == {hits}
    assert len({repr(dimension.value(p)) for p in grid}) == levels


@given(log_integers())
def test_every_whole_number_of_a_log_scale_is_reachable(dimension: Dimension) -> None:
    for number in range(int(dimension.low), int(dimension.high) + 1):
        assert dimension.value(dimension.position(number)) == number


def test_a_searcher_sees_a_log_scale_as_a_continuum() -> None:
    # On a grid of 1,000 equal levels most of the numbers above 150 would never be proposed.
    dimension = Dimension("x", "int", 1, 1000, log=True)
    assert dimension.axis.levels is None
    grid = {dimension.value((i + 0.5) / 1000) for i in range(1000)}
    assert len(grid) < 500


def test_a_log_scale_gives_every_decade_the_same_share() -> None:
    dimension = Dimension("x", "float", 1e-4, 1e-1, log=True)
    assert [dimension.value(i / 3) for i in range(4)] == [1e-4, 1e-3, 1e-2, 1e-1]


@given(ANY)
def test_bounds_are_reached_exactly(dimension: Dimension) -> None:
    first, last = dimension.value(0.0), dimension.value(1.0)
    if dimension.kind == "choice":
        assert (first, last) == (dimension.choices[0], dimension.choices[-1])
    else:
        assert (first, last) == (dimension.low, dimension.high)


@given(ANY, st.floats(-10, 0), st.floats(1, 10))
def test_positions_outside_are_moved_to_the_edge(
    dimension: Dimension, below: float, above: float
) -> None:
    assert dimension.value(below) == dimension.value(0.0)
    assert dimension.value(above) == dimension.value(1.0)


@given(ANY, POSITIONS)
def test_numbers_stay_in_bounds_and_keep_their_type(dimension: Dimension, position: float) -> None:
    value = dimension.value(position)
    if dimension.kind == "choice":
        assert value in dimension.choices
    else:
        assert dimension.low <= value <= dimension.high
        assert type(value) is {"int": int, "float": float}[dimension.kind]


@given(st.one_of(integers(), stepped_floats(), floats(), log_floats(), log_integers()))
def test_a_greater_position_is_never_a_smaller_number(dimension: Dimension) -> None:
    numbers = [dimension.value(i / 200) for i in range(201)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("dimension", "value", "words"),
    [
        (Dimension("r", "int", 1, 8), 9, "r: 9 is outside [1, 8]"),
        (Dimension("r", "choice", choices=(1, 2)), 3, "r: 3 is not one of [1, 2]"),
        (Dimension("r", "choice", choices=(0, 1)), True, "r: True is not one of [0, 1]"),
    ],
)
def test_a_value_from_elsewhere_is_refused(dimension: Dimension, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=r"outside|not one of") as caught:
        dimension.position(value)
    assert str(caught.value) == words


BRANCHES = Space(
    (
        Dimension("method", "choice", choices=("lora", "ia3", "full"), ordered=False),
        Dimension("method.lora.rank", "choice", choices=(1, 2, 4), when=("method", 0)),
        Dimension("method.lora.rate", "float", 1e-4, 1e-2, log=True, when=("method", 0)),
        Dimension("method.ia3.rate", "float", 1e-3, 1e-1, log=True, when=("method", 1)),
        Dimension("batch", "int", 8, 64, step=8),
    )
)


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_a_branch_has_its_own_parameters_and_no_others(numbers: list[float]) -> None:
    cube = dict(zip([d.name for d in BRANCHES.dimensions], numbers, strict=True))
    values = BRANCHES.decode(cube)
    own = {name for name in values if name.startswith("method.")}
    assert (
        own
        == {
            "lora": {"method.lora.rank", "method.lora.rate"},
            "ia3": {"method.ia3.rate"},
            "full": set(),
        }[values["method"]]
    )
    assert [axis.name for axis in active_axes(BRANCHES.axes, cube)] == list(values)
    assert BRANCHES.decode(BRANCHES.encode(values)) == pytest.approx(values)
    assert BRANCHES.encode(values).keys() == values.keys()


def test_a_point_that_lacks_a_dimension_is_our_mistake() -> None:
    with pytest.raises(KeyError, match="batch"):
        BRANCHES.decode({"method": 0.9})
