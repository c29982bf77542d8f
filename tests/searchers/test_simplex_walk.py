"""One simplex at work: SciPy's Nelder-Mead is the oracle, whatever happens must not confuse it."""

import copy
import json
import math
import pickle
import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import chisquare

from autopeft.searchers.simplex import Coefficients, Point
from autopeft.searchers.simplex_ground import Ways
from autopeft.searchers.simplex_starts import random_simplex
from autopeft.searchers.simplex_walk import SimplexWalk

Function = Callable[[Sequence[float]], float]


def sphere(x: Sequence[float]) -> float:
    return float(sum((v - 0.3) ** 2 for v in x))


def valley(x: Sequence[float]) -> float:
    y = [4 * v - 2 for v in x] + [1.0]
    return float(sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(y)))


def ridge(x: Sequence[float]) -> float:
    return float(sum(10**i * abs(v - 0.6) for i, v in enumerate(x)))


def waves(x: Sequence[float]) -> float:
    return float(sum((v - 0.5) ** 2 + 0.3 * math.cos(25 * v) for v in x))


def steps(x: Sequence[float]) -> float:
    """Ties and plateaus, where a simplex has to shrink."""
    return float(sum(round(5 * abs(v - 0.4)) for v in x))


def craters(x: Sequence[float]) -> float:
    return math.inf if math.sin(9 * sum(x)) > 0.7 else sphere(x)


FUNCTIONS = [sphere, valley, ridge, waves, steps, craters]


def walk(
    d: int, start: Sequence[Point] | None = None, *, seed: int = 0, **ways: Any
) -> SimplexWalk:
    start = random_simplex(d, seed=seed) if start is None else start
    return SimplexWalk([None] * d, ways=Ways(**ways), seed=seed, start=start)


def scipys(f: Function, start: Sequence[Point], *, count: int, adaptive: bool) -> list[Point]:
    """Return the points SciPy visits, each at its first visit."""
    visited: dict[Point, None] = {}

    def noted(x: Any) -> float:
        visited.setdefault(tuple(map(float, x)))
        return f(x)

    minimize(
        noted,
        np.zeros(len(start[0])),
        method="Nelder-Mead",
        options={
            "initial_simplex": np.asarray(start),
            "adaptive": adaptive,
            "maxfev": count,
            "xatol": 0,
            "fatol": 0,
        },
    )
    return list(visited)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # SciPy: inf - inf
@pytest.mark.parametrize("adaptive", [False, True], ids=["classic", "adaptive"])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_it_visits_the_points_that_scipy_visits(
    f: Function, d: int, adaptive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if adaptive and d == 1:
        pytest.skip("SciPy shrinks to nothing there: sigma = 1 - 1/D = 0")
    # How numpy sorts ties depends on the machine; the textbook keeps their order.
    monkeypatch.setattr(np, "argsort", partial(np.argsort, kind="stable"))
    coefficients = Coefficients.adaptive(d) if adaptive else Coefficients()
    for seed in range(2):
        start = random_simplex(d, seed=seed)
        expected = scipys(f, start, count=90 if d == 1 else 200, adaptive=adaptive)
        ours = walk(d, start, coefficients=coefficients, **TEXTBOOK)
        visited = []
        for number in range(len(expected)):
            point = asked(ours, number)
            visited.append(point)
            ours.tell(number, f(point))
        assert visited == expected
        assert len(expected) > 100 or d == 1 or f is steps  # SciPy revisits; we recall


def test_the_functions_make_it_shrink() -> None:
    ours, shrinks = walk(3, **TEXTBOOK), 0
    for number in range(120):
        point = asked(ours, number)
        shrinks += "shrink 0" in ours.state()["goals"] and number > 3
        ours.tell(number, craters(point))
    assert shrinks > 1


def test_one_point_at_a_time_is_the_textbooks_and_the_start_comes_at_once() -> None:
    ours = walk(3, **TEXTBOOK)
    start = [asked(ours, number) for number in range(4)]
    assert start == list(random_simplex(3, seed=0))
    assert ours.ask(9) is None
    for number, point in enumerate(start):
        ours.tell(number, sphere(point))
    assert asked(ours, 4)
    assert ours.ask(9) is None


# Whatever happens


GAP = 0.5  # by how much a trial that pauses is worse than at its end


class World:
    """Workers that answer in any order, or fail, or answer nonsense, or never, or twice."""

    def __init__(self, ours: SimplexWalk, f: Function, *, seed: int, workers: int = 5) -> None:
        self.ours, self.f, self.dice, self.workers = ours, f, random.Random(seed), workers
        self.out: dict[int, Point] = {}
        self.number = 0
        self.told: list[tuple[Point, float]] = []
        self.paused: list[Point] = []
        self.life = 0

    def step(self, odd: float = 0.3, pauses: float = 0.0) -> None:
        """Ask, and answer somebody."""
        if len(self.out) < self.workers and (point := self.ours.ask(self.number)) is not None:
            self.out[self.number] = point
        elif not self.out:
            self.add(tuple(self.dice.random() for _ in self.ours.ground.grains))
        self.number += 1
        if self.out and self.dice.random() < 0.8:
            number = self.dice.choice(sorted(self.out))
            point = self.out.pop(number)
            if self.dice.random() < odd / 3:
                return  # never told
            loss = self.f(point)
            if self.dice.random() < pauses:
                loss += GAP
                self.paused.append(point)
            elif self.dice.random() < odd:
                loss = self.dice.choice([math.inf, math.nan, -math.inf])
            self.ours.tell(number, loss)
            self.note(point, loss)
        if self.paused and self.dice.random() < 0.5:
            point = self.paused.pop(self.dice.randrange(len(self.paused)))
            self.ours.revise(point, self.f(point))
            self.note(point, self.f(point))
        if self.dice.random() < 0.1:
            self.add(tuple(self.dice.random() for _ in self.ours.ground.grains))

    def add(self, point: Point) -> None:
        """Tell of somebody else's point, in the middle of its levels as all that are evaluated."""
        point = self.ours.ground.snapped(point)
        loss = self.f(point)
        self.ours.add(point, loss)
        self.note(point, loss)

    def note(self, point: Point, loss: float) -> None:
        if self.ours.life != self.life:
            self.life, self.told = self.ours.life, []
        elif math.isfinite(loss):
            self.told.append((point, loss))


LEVELS = st.lists(st.sampled_from([None, None, 2, 3, 7]), min_size=1, max_size=4)


@pytest.mark.parametrize("pauses", [0.0, 0.5])
@settings(max_examples=25)
@given(LEVELS, st.sampled_from(FUNCTIONS), st.integers(0, 999), st.sampled_from([True, False]))
def test_no_vertex_has_another_points_loss_and_the_best_is_one(
    pauses: float, levels: list[int | None], f: Function, seed: int, parallel: bool
) -> None:
    """A trial that pauses and goes on stands by its last loss."""
    start = random_simplex(len(levels), seed=seed)
    ours = SimplexWalk(levels, ways=Ways(parallel=parallel), seed=seed, start=start)
    world = World(ours, f, seed=seed)
    for _ in range(90):
        world.step(odd=0.3 if parallel else 0.0, pauses=pauses)
        if ours.simplex is None:
            continue
        assert len(ours.simplex.vertices) == len(levels) + 1
        assert list(ours.simplex.losses) == sorted(ours.simplex.losses)
        waiting = {ours.ground.place(point) for point in world.paused}
        for point, loss in ours.simplex.evaluated:
            true = f(ours.ground.snapped(point))
            known = [true, true + GAP] if ours.ground.place(point) in waiting else [true]
            assert math.isinf(loss) or min(abs(loss - k) for k in known) < 1e-6
        if parallel and not ours.stand.goals and world.told and world.life == ours.life:
            assert ours.simplex.losses[0] <= min(loss for _, loss in world.told)


@settings(max_examples=12)
@given(LEVELS, st.integers(0, 999), st.integers(1, 80))
def test_loaded_it_goes_on_as_if_nothing_had_been(
    levels: list[int | None], seed: int, cut: int
) -> None:
    start = random_simplex(len(levels), seed=seed)
    one = SimplexWalk(levels, ways=Ways(), seed=seed, start=start)
    world = World(one, waves, seed=seed)
    for _ in range(cut):
        world.step(pauses=0.3)
    other = SimplexWalk(levels, ways=Ways(), seed=seed, start=())
    other.load(json.loads(json.dumps(one.state())))
    again = copy.deepcopy(world)
    again.ours = other
    for _ in range(30):
        world.step(pauses=0.3)
        again.step(pauses=0.3)
    assert json.dumps(one.state()) == json.dumps(other.state())


def test_a_vertex_that_comes_out_better_leads_and_a_move_is_decided_by_its_last_loss() -> None:
    ours = walk(2, [(0.2, 0.2), (0.3, 0.2), (0.2, 0.3)], parallel=False)
    for number, loss in enumerate((1.0, 2.0, 3.0)):
        assert ours.ask(number) is not None
        ours.tell(number, loss)
    reflected = ours.ask(3)
    assert reflected == pytest.approx((0.3, 0.1))
    ours.revise((0.3, 0.2), 0.5)  # the second vertex has gone on: it is the best now
    assert ours.simplex is not None
    assert ours.simplex.evaluated == [((0.3, 0.2), 0.5), ((0.2, 0.2), 1.0), ((0.2, 0.3), 3.0)]
    ours.tell(3, 9.0)  # asked for by the order of before; the same point moves the worst now
    assert ours.ask(4) == pytest.approx((0.225, 0.25))  # inside: the reflection was no good
    ours.tell(4, 2.9)
    assert ours.simplex.evaluated[-1] == (pytest.approx((0.225, 0.25)), 2.9)
    ours.revise((0.225, 0.25), 0.1)
    assert ours.simplex.evaluated[0][1] == 0.1


def test_the_same_calls_give_the_same_points() -> None:
    worlds = [World(walk(3, seed=4), waves, seed=8) for _ in range(2)]
    for world in worlds:
        for _ in range(100):
            world.step()
    assert worlds[0].ours.state() == worlds[1].ours.state()


def test_a_walk_pickles() -> None:
    world = World(walk(2), waves, seed=8)
    for _ in range(30):
        world.step()
    assert pickle.loads(pickle.dumps(world.ours)).state() == world.ours.state()


# Workers


@pytest.mark.parametrize("d", [3, 4, 6])
def test_a_standing_simplex_has_work_for_ten(d: int) -> None:
    ours = walk(d)
    stand(ours, sphere)
    points = [asked(ours, number) for number in range(100, 110)]
    assert len(set(points)) == 10


def stand(ours: SimplexWalk, f: Function) -> None:
    number = 0
    while ours.simplex is None:
        point = asked(ours, number)
        ours.tell(number, f(point))
        number += 1


def test_a_result_that_never_comes_does_not_hold_the_simplex_up() -> None:
    ours = walk(3)
    lost = [asked(ours, number) for number in range(2)]
    best = math.inf
    for number in range(2, 150):
        point = ours.ask(number)
        if point is None:
            point = tuple(np.random.default_rng(number).random(3))
            ours.add(point, sphere(point))
        else:
            ours.tell(number, sphere(point))
        best = min(best, sphere(point))
    assert best < 1e-6
    assert all(math.isinf(loss) for point, loss in ours.ledger.results if point in lost)


def test_an_overdue_result_counts_when_it_comes() -> None:
    ours = walk(2, patience=1)
    late, *_ = [asked(ours, number) for number in range(3)]
    for number in (1, 2):
        ours.tell(number, 5.0)
    for seed in range(8):
        ours.add(tuple(np.random.default_rng(seed).random(2)), 10.0)
    assert ours.simplex is not None
    assert late not in ours.simplex.vertices or math.isinf(dict(ours.simplex.evaluated)[late])
    ours.tell(0, 1.0)
    ours.ask(50), ours.ask(51)
    for number in (50, 51):
        ours.tell(number, 20.0)
    while ours.simplex.losses[0] > 1.0:
        number += 1
        ours.ask(number)
        assert number < 70
    assert ours.simplex.evaluated[0] == (late, 1.0)


def test_better_results_of_others_join_without_a_decision() -> None:
    ours = walk(2)
    stand(ours, sphere)
    asked(ours, 50)  # its result does not come
    ours.add((0.301, 0.299), sphere((0.301, 0.299)))
    number = 51
    while ours.ask(number) is not None and number < 80:
        number += 1
    assert ours.simplex is not None
    assert ours.simplex.vertices[0] == (0.301, 0.299)


def test_a_much_better_result_far_from_a_small_simplex_is_not_dropped() -> None:
    start = [(0.1, 0.1), (0.1, 0.10001), (0.10001, 0.1)]
    ours = walk(2, start, tolerance=1e-7)
    stand(ours, lambda x: 1 + sphere(x))
    ours.add((0.9, 0.9), 0.0)
    for number in range(50, 90):
        point = ours.ask(number)
        if point is not None:
            ours.tell(number, 1 + sphere(point))
    assert ours.simplex is not None
    assert ours.simplex.evaluated[0] == ((0.9, 0.9), 0.0)
    assert ours.simplex.flatness > 1e-4


# Ends


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
def test_the_bounds_are_reached_exactly(corner: Point, parallel: bool) -> None:
    ours = walk(2, parallel=parallel)

    def slope(x: Sequence[float]) -> float:
        return sum(abs(v - c) for v, c in zip(x, corner, strict=True))

    visited = [told(ours, number, slope) for number in range(120)]
    assert min(slope(point) for point in visited) == 0


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("levels", [[1], [2], [3], [2, 2], [1, 1, 1], [3, 2, 2]], ids=str)
def test_a_small_space_is_searched_once_and_then_over(levels: list[int], parallel: bool) -> None:
    start = random_simplex(len(levels), seed=0)
    ours = SimplexWalk(levels, ways=Ways(parallel=parallel), seed=0, start=start)
    points = []
    for number in range(300):
        point = ours.ask(number)
        if point is None:
            break
        points.append(point)
        ours.tell(number, steps(point))
    assert len(points) == len(set(points)) == math.prod(levels)
    assert ours.is_over
    assert ours.ask(301) is None


def test_no_dimensions_are_one_point() -> None:
    ours = SimplexWalk([], ways=Ways(), seed=0, start=[()])
    assert ours.ask(0) == ()
    assert ours.ask(1) is None
    ours.tell(0, 1.0)
    assert ours.ask(2) is None
    assert ours.is_over


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("value", [1.0, math.inf, math.nan, -math.inf])
def test_a_constant_or_nothing_but_failures_ends_a_life_not_the_search(
    value: float, parallel: bool
) -> None:
    ours = walk(2, parallel=parallel)
    for number in range(200):
        point = asked(ours, number)
        ours.tell(number, value)
    assert ours.life > 0
    assert all(0 <= x <= 1 for x in point)


@pytest.mark.parametrize("parallel", [True, False])
def test_convergence_is_known(parallel: bool) -> None:
    ours = walk(2, parallel=parallel, restarts=False)
    number = 0
    while (point := ours.ask(number)) is not None:
        ours.tell(number, sphere(point))
        number += 1
        assert number < 300
    assert ours.converged
    assert ours.is_over
    assert ours.simplex is not None
    assert ours.simplex.losses[0] < 1e-8


@pytest.mark.parametrize("parallel", [True, False])
def test_points_in_a_line_are_completed(parallel: bool) -> None:
    line = [(0.2, 0.2, 0.2), (0.4, 0.4, 0.4), (0.6, 0.6, 0.6), (0.6, 0.6, 0.6)]
    ours = walk(3, line, parallel=parallel)
    points = [told(ours, number, sphere) for number in range(7)]
    assert points[:3] == line[:3]
    assert ours.simplex is not None
    assert ours.simplex.flatness > 1e-3
    assert ours.life == 0


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_first_points_are_completed(count: int, parallel: bool) -> None:
    first = list(random_simplex(3, seed=5))[:count]
    ours = walk(3, first, parallel=parallel)
    points = [told(ours, number, sphere) for number in range(4)]
    assert points[:count] == first
    assert ours.simplex is not None
    assert set(ours.simplex.vertices) == set(points)


def test_more_first_points_than_vertices_all_come_first_and_the_best_stay() -> None:
    first = [tuple(row) for row in np.random.default_rng(0).random((12, 2))]
    ours = walk(2, first)
    assert [told(ours, number, sphere) for number in range(12)] == first
    assert ours.simplex is not None
    assert ours.simplex.vertices[0] == min(first, key=sphere)


def test_every_level_is_equally_likely_in_a_random_start() -> None:
    counts = np.zeros(7)
    for seed in range(700):
        ours = SimplexWalk([7], ways=Ways(), seed=seed, start=random_simplex(1, seed=seed)[:1])
        counts[int(asked(ours, 0)[0] * 7)] += 1
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("level", range(9))
def test_every_level_is_reached(level: int) -> None:
    wanted = (level + 0.5) / 9
    ours = SimplexWalk([9, None], ways=Ways(), seed=1, start=random_simplex(2, seed=1))
    near = partial(beside, wanted=wanted)
    best = min((told(ours, number, near) for number in range(60)), key=near)
    assert best[0] == pytest.approx(wanted)


def beside(x: Sequence[float], *, wanted: float) -> float:
    return abs(x[0] - wanted) + sphere(x[1:])


def test_a_point_that_was_evaluated_is_not_paid_again() -> None:
    ours = SimplexWalk([3, 4], ways=Ways(), seed=1, start=random_simplex(2, seed=1))
    points = []
    while (point := ours.ask(len(points))) is not None:
        ours.tell(len(points), steps(point))
        points.append(point)
    assert len(points) == len(set(points))


def test_a_point_that_is_out_is_not_given_twice() -> None:
    ours = SimplexWalk([3, 4], ways=Ways(), seed=1, start=random_simplex(2, seed=1))
    points = [point for number in range(20) if (point := ours.ask(number)) is not None]
    assert len(points) == len(set(points))


def test_a_forgotten_point_is_asked_for_again() -> None:
    ours = walk(2)
    first = asked(ours, 0)
    ours.forget(0)
    assert asked(ours, 1) == first


# Help


TEXTBOOK: dict[str, Any] = {
    "parallel": False,
    "bounded": False,
    "restarts": False,
    "tolerance": 0,
}


def asked(ours: SimplexWalk, number: int) -> Point:
    point = ours.ask(number)
    assert point is not None
    return point


def told(ours: SimplexWalk, number: int, f: Function) -> Point:
    point = asked(ours, number)
    ours.tell(number, f(point))
    return point
