"""What did well where the proxy looked alike: whom it listens to, when it adds points, what."""

import json
import re
from collections.abc import Sequence

import numpy as np
import pytest

from autopeft.bridge.likeness import HIT, Past, beside, weights_of
from autopeft.bridge.model_file import BridgeModel, fit, read_model, write_model
from autopeft.bridge.pairs import Sides, pair_of, seen_by
from autopeft.bridge.past import PastRun, Trials, distinct, run_of
from autopeft.bridge.portfolio import greedy, losses_at
from autopeft.bridge.prediction import one_shot, opening_by
from autopeft.core.errors import AutopeftError
from autopeft.spec.space import Axis, Dimension, Space

AXES = (Axis("x"), Axis("y"))
SPACE = Space((Dimension("x", "float", 0.0, 1.0), Dimension("y", "float", 0.0, 1.0)))
LEFT, RIGHT = (0.2, 0.5), (0.8, 0.5)


def run_at(name: str, best: Sequence[float], *, count: int = 40, wide: float = 1.0) -> PastRun:
    """A bowl around ``best``, tried at random: over all the square, or ``wide`` around there."""
    rng = np.random.default_rng(len(name) + count)
    points = np.clip(np.asarray(best) + wide * (rng.random((count, 2)) - np.asarray(best)), 0, 1)
    return run_of(name, [({"x": x, "y": y}, (x - best[0]) ** 2 + (y - best[1]) ** 2)
                         for x, y in points.tolist()])  # fmt: skip


def past_at(
    name: str, proxy: Sequence[float], target: Sequence[float], left_out: Sequence[float]
) -> Past:
    return Past(
        scenario=name,
        proxy=Trials.of(run_at(f"{name} proxy", proxy)),
        target=Trials.of(run_at(name, target)),
        left_out=dict(zip("xy", left_out, strict=True)),
    )


def told(past: Sequence[Past], proxy: PastRun, *, count: int = 4):
    return beside(past, proxy, proxy_axes=AXES, axes=AXES, count=count, seed=0)


def test_who_looks_alike_counts_and_together_they_count_one():
    others = [run_at("alike", LEFT), run_at("other way round", RIGHT), run_at("alike too", LEFT)]
    weights = weights_of(run_at("new", LEFT), others, AXES, seed=0)
    assert weights.sum() == pytest.approx(1)
    assert min(weights[0], weights[2]) > 50 * weights[1]


@pytest.mark.parametrize("flat", ["new", "past"])
def test_where_a_side_does_not_vary_all_count_the_same(flat):
    level = run_of("flat", [({"x": x, "y": 0.5}, 1.0) for x in (0.1, 0.5, 0.9)])
    bowl = run_at("bowl", LEFT)
    proxy, others = (level, [bowl, bowl]) if flat == "new" else (bowl, [level, level])
    assert weights_of(proxy, others, AXES, seed=0) == pytest.approx([0.5, 0.5])


def test_predictions_that_hit_need_nothing_beside():
    past = [past_at(f"s{k}", LEFT, RIGHT, RIGHT) for k in range(4)]
    found = told(past, run_at("new", LEFT))
    assert found.lost < HIT / 2
    assert (found.hits, found.points) == (True, ())


def test_predictions_that_miss_are_followed_by_what_was_good_on_the_like():
    """One kind is best on the left, the other on the right; both are predicted wrong."""
    past = [past_at(f"left {k}", LEFT, LEFT, (0.5, 0.95)) for k in range(3)]
    past += [past_at(f"right {k}", RIGHT, RIGHT, (0.5, 0.95)) for k in range(3)]
    for there in (LEFT, RIGHT):
        found = told(past, run_at("new", there))
        assert found.lost > HIT
        assert 1 <= len(found.points) <= 4
        assert found.points[0]["x"] == pytest.approx(there[0], abs=0.15)
    assert len(told(past, run_at("new", LEFT), count=1).points) == 1


def test_a_loss_is_on_one_scale_however_a_search_has_spread_its_trials():
    """A search that got somewhere has its median trial there: next to it all else is bad."""
    asked = [{"x": 0.3, "y": 0.5}, {"x": 0.9, "y": 0.9}]
    wide, narrow = (
        losses_at(run_of("both", [
            *((t.cube, t.loss) for t in run_at("wide", LEFT, count=60).trials),
            *((t.cube, t.loss) for t in run_at("near", LEFT, count=near, wide=0.02).trials),
        ]), asked, AXES, seed=0)
        for near in (1, 300)
    )  # fmt: skip
    assert wide[0] < 0.4
    assert wide[1] == 1
    assert narrow == pytest.approx(wide, abs=0.25)


def test_what_was_tried_is_taken_as_it_was():
    run = run_at("tried", LEFT)
    found = losses_at(run, [run.trials[0].cube, run.trials[3].cube], AXES, seed=0)
    assert found[0] == 0
    assert 0 < found[1] < 1


def test_weights_and_what_is_there_before_decide_what_is_chosen():
    losses = np.asarray([[0.0, 0.9, 0.4], [0.9, 0.0, 0.4]])
    assert greedy(losses, 3) == [2, 0, 1]
    assert greedy(losses, 1, weights_R=np.asarray([0.9, 0.1])) == [0]
    assert greedy(losses, 3, known_R=np.asarray([0.0, 0.4])) == [1]
    assert greedy(losses, 3, known_R=np.zeros(2)) == []


def test_equal_points_are_one():
    run = run_of("twice", [({"x": 0.5}, 1.0), ({"x": 0.5}, 0.9), ({"x": 0.2}, 0.1)])
    assert distinct([run, run]) == [{"x": 0.2}, {"x": 0.5}]


@pytest.fixture(scope="module")
def taught() -> BridgeModel:
    """Two kinds of scenario with a signal in x, and far from it in y where that matters more."""
    sides = []
    for index in range(8):
        here = 0.15 + 0.1 * index
        sides.append(
            Sides(f"s{index}", run_at(f"p{index}", (here, 0.5)), run_at(f"t{index}", (here, 0.5)),
                  {})
        )  # fmt: skip
    pairs = tuple(p for side in sides if (p := pair_of(side, AXES)) is not None)
    runs = [(s.proxy, s.target) for s in sides if s.proxy is not None and s.target is not None]
    return fit("b", pairs, proxy=SPACE, target=SPACE, objective=("loss", "min"), runs=runs)


def test_what_was_tried_is_in_the_file(taught, tmp_path):
    write_model(tmp_path / "m.json", taught)
    again = read_model(tmp_path / "m.json")
    assert again == taught
    assert [past.scenario for past in again.past] == [f"s{k}" for k in range(8)]
    assert all(len(past.target.losses) == 40 for past in again.past)


def test_an_opening_that_hits_is_narrow_and_one_that_misses_is_not(taught):
    proxy = run_at("new", (0.42, 0.5))
    seen = seen_by(proxy, AXES, {})
    good = opening_by(taught, seen, proxy, points=7, seed=0)
    assert len(good.first) == 2
    assert good.box["x"][1] - good.box["x"][0] < 0.5
    wrong = [p.model_copy(update={"left_out": {"x": 1.0, "y": 1.0}}) for p in taught.past]
    missing = taught.model_copy(update={"past": tuple(wrong)})
    for points in (1, 3, 7):
        bad = opening_by(missing, seen, proxy, points=points, seed=0)
        assert bad.first[0] == good.first[0]
        assert 1 <= len(bad.first) <= points
        assert bad.box == {}
        assert bad.mean == good.mean
    assert len(bad.first) > 2
    assert any(r.startswith("on data like this such predictions lose ") for r in bad.remarks)
    assert bad.limit == good.limit


@pytest.mark.parametrize(
    "wrong",
    [
        {"cubes": [], "losses": []},
        {"cubes": [{"x": 0.5}], "losses": [1.0, 2.0]},
        {"cubes": [{"x": 0.5}], "losses": [None]},
        {"cubes": [{"x": 0.5}], "losses": ["inf"]},
    ],
)
def test_a_file_with_other_trials_than_that_is_refused_at_once(taught, tmp_path, wrong):
    raw = json.loads(taught.model_dump_json())
    raw["past"][2]["target"] = wrong
    (tmp_path / "m.json").write_text(json.dumps(raw))
    with pytest.raises(AutopeftError, match=r"not a bridge's model \(past\.2\.target"):
        read_model(tmp_path / "m.json")


def test_a_one_shot_says_where_such_predictions_miss(taught):
    proxy = run_at("new", (0.42, 0.5))
    seen = seen_by(proxy, AXES, {})
    assert "such predictions lose" not in one_shot(taught, seen, proxy)["sentence"]
    wrong = [p.model_copy(update={"left_out": {"x": 1.0, "y": 1.0}}) for p in taught.past]
    missing = taught.model_copy(update={"past": tuple(wrong)})
    said = one_shot(missing, seen, proxy)["sentence"]
    assert re.search(r"such predictions lose \d+ % of the way .* typical$", said)
    (remark,) = [
        r for r in opening_by(missing, seen, proxy, points=1, seed=0).remarks if "lose" in r
    ]
    assert remark.endswith(": the space is not narrowed")


def test_a_model_that_kept_no_trials_draws_as_many_points_as_are_wanted(taught):
    proxy = run_at("new", (0.42, 0.5))
    plain = taught.model_copy(update={"past": ()})
    found = opening_by(plain, seen_by(proxy, AXES, {}), proxy, points=4, seed=0)
    assert len(found.first) == 4
    assert found.box
