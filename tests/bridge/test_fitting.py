"""The bridge's regression: what it recovers, when it stands aside, and what it says of itself."""

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from autopeft.bridge.fitting import Prediction, choose, predictor
from autopeft.bridge.model_file import BridgeModel, fit, read_model, write_model
from autopeft.bridge.pairs import Pair, Seen, Sides, missing, pair_of
from autopeft.bridge.past import run_of
from autopeft.bridge.regressions import REGRESSIONS
from autopeft.bridge.surface import surface
from autopeft.core.errors import AutopeftError
from autopeft.simulation.function_family import CENTRE, SLOPE, true_optimum
from autopeft.spec.space import Axis, Dimension, Space, level_of, middle_of

PLANE = (Axis("x"), Axis("y"))
BRANCHED = (
    Axis("method", 2, ordered=False),
    Axis("rank", 4, when=("method", 0)),
    Axis("rate"),
)


def pair(index: int, proxy: Sequence[float], target: dict[str, float], **data: float) -> Pair:
    optimum = {f"p{k}": float(x) for k, x in enumerate(proxy)}
    seen = Seen(optimum=optimum, surface={}, data=data)
    return Pair(scenario=f"s{index}", seen=seen, target=target, loss=0.0)


def linear_pairs(count: int, *, noise: float = 0.0, seed: int = 0) -> list[Pair]:
    rng = np.random.default_rng(seed)
    found = []
    for index, proxy in enumerate(rng.uniform(0.15, 0.85, (count, 2))):
        x, y = true_optimum(proxy) + rng.normal(0, noise, 2)
        found.append(pair(index, proxy, {"x": float(x), "y": float(y)}))
    return found


def unrelated_pairs(count: int, *, seed: int) -> list[Pair]:
    rng = np.random.default_rng(seed)
    return [
        pair(k, rng.random(2), dict(zip("xy", map(float, rng.random(2)), strict=True)))
        for k in range(count)
    ]


def test_the_coefficients_of_a_known_map_are_recovered_within_five_per_cent():
    pairs = linear_pairs(12, noise=0.002)
    predict = predictor(pairs, PLANE, "ridge", ("optimum",))

    def at(x: float, y: float) -> np.ndarray:
        cube = predict(Seen(optimum={"p0": x, "p1": y}, surface={})).cube
        return np.asarray([cube["x"], cube["y"]])

    slope = np.stack([(at(0.6, 0.5) - at(0.4, 0.5)) / 0.2, (at(0.5, 0.6) - at(0.5, 0.4)) / 0.2]).T
    assert slope == pytest.approx(SLOPE, rel=0.05, abs=0.05 * float(np.abs(SLOPE).min()))
    assert at(0.5, 0.5) == pytest.approx(CENTRE, rel=0.05)


def test_a_relation_is_found_and_told():
    choice = choose(linear_pairs(10, noise=0.02), PLANE)
    assert choice.has_signal
    assert choice.regression != "mean"
    assert "less squared error than the mean on scenarios left out (10 pairs)" in choice.sentence
    assert max(choice.spread.values()) < 0.1


def test_without_a_relation_it_says_no_signal_and_keeps_the_mean():
    choice = choose(unrelated_pairs(8, seed=0), PLANE)
    assert not choice.has_signal
    assert choice.regression == "mean"
    assert choice.sentence.startswith("no signal: ")


@pytest.mark.slow  # a minute on a busy machine
def test_unrelated_pairs_rarely_pass_for_a_signal():
    found = [choose(unrelated_pairs(8, seed=seed), PLANE).has_signal for seed in range(24)]
    assert sum(found) <= 6


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_pairs_are_refused_in_words(count):
    with pytest.raises(AutopeftError, match=rf"^{count} pairs?: too few to learn from"):
        choose(linear_pairs(count), PLANE)


def test_constant_targets_leave_nothing_to_predict():
    pairs = [pair(k, (k / 10, 0.5), {"x": 0.3, "y": 0.7}) for k in range(6)]
    choice = choose(pairs, PLANE)
    assert not choice.has_signal
    assert "every target is best at the same point" in choice.sentence
    found = predictor(pairs, PLANE, choice.regression, choice.inputs)(pairs[0].seen)
    assert found.cube == pytest.approx({"x": 0.3, "y": 0.7})


def test_more_inputs_than_pairs_leave_out_what_is_not_regularised():
    rng = np.random.default_rng(0)
    pairs = [pair(k, rng.random(9), {"x": 0.1 * k, "y": 0.5}) for k in range(6)]
    choice = choose(pairs, PLANE)
    left_out = {score.regression: score.left_out for score in choice.scores if score.left_out}
    assert left_out["polynomial"] == "6 pairs, 9 inputs: it takes 57 pairs"
    assert {score.regression for score in choice.scores if score.error is not None} >= {
        "mean", "ridge", "neighbours", "gaussian process"
    }  # fmt: skip


@pytest.mark.parametrize("name", REGRESSIONS)
def test_predictions_stay_inside_the_bounds(name):
    pairs = linear_pairs(14)
    predict = predictor(pairs, PLANE, name, ("optimum",))
    for far in (-40.0, 0.0, 1.0, 40.0):
        found = predict(Seen(optimum={"p0": far, "p1": far}, surface={}))
        assert all(0 <= x <= 1 for x in found.cube.values())
        assert all(math.isfinite(x) and x >= 0 for x in found.spread.values())


@pytest.mark.parametrize("name", [name for name in REGRESSIONS if name != "mean"])
def test_every_regression_learns_a_line(name):
    xs = np.linspace(0, 1, 20)
    pairs = [pair(k, (x,), {"x": 0.2 + 0.6 * float(x), "y": 0.5}) for k, x in enumerate(xs)]
    predict = predictor(pairs, PLANE, name, ("optimum",))
    off = [
        predict(Seen(optimum={"p0": x}, surface={})).cube["x"] - (0.2 + 0.6 * x)
        for x in (0.3, 0.52, 0.7)
    ]
    assert max(map(abs, off)) < 0.06


def test_a_choice_and_its_branch_are_predicted_together():
    pairs = [
        pair(
            k,
            (k / 9,),
            {"method": 0.25, "rank": middle_of(3, 4), "rate": 0.3}
            if k < 5
            else {"method": 0.75, "rate": 0.8},
        )
        for k in range(10)
    ]
    choice = choose(pairs, BRANCHED)
    assert choice.has_signal
    predict = predictor(pairs, BRANCHED, choice.regression, choice.inputs)
    low, high = (predict(Seen(optimum={"p0": x}, surface={})) for x in (0.05, 0.95))
    assert low.cube.keys() == {"method", "rank", "rate"}
    assert level_of(low.cube["rank"], 4) == 3
    assert high.cube.keys() == {"method", "rate"}
    assert high.spread.keys() == {"rate"}


def test_what_is_known_of_the_data_can_be_what_tells():
    rng = np.random.default_rng(1)
    pairs = [
        pair(k, rng.random(1), {"x": 0.1 + 0.07 * k, "y": 0.5}, clips=100.0 * k) for k in range(10)
    ]
    choice = choose(pairs, PLANE)
    assert choice.has_signal
    assert "data" in choice.inputs


def test_a_scenario_without_a_side_makes_no_pair_and_is_named():
    proxy = run_of("p", [({"x": 0.2, "y": 0.2}, 1.0), ({"x": 0.4, "y": 0.2}, 0.5)])
    whole = Sides("a", proxy, proxy, {})
    half = Sides("b", proxy, run_of("t", [({"x": 0.2}, math.inf)]), {})
    none = Sides("c", None, proxy, {})
    assert [pair_of(sides, PLANE) is None for sides in (whole, half, none)] == [False, True, True]
    assert list(missing([whole, half, none])) == [
        "b: its target has no trial that ran to its end",
        "c: its proxy has no trial that ran to its end",
    ]


def test_a_surface_tells_where_the_good_ones_lie_and_how_smooth_it_is():
    rng = np.random.default_rng(0)
    points = [dict(zip("xy", map(float, row), strict=True)) for row in rng.random((60, 2))]
    bowl = surface(run_of("a", [(c, (c["x"] - 0.7) ** 2) for c in points]), PLANE)
    noise = surface(run_of("b", [(c, float(rng.random())) for c in points]), PLANE)
    assert bowl["centre x"] == pytest.approx(0.7, abs=0.08)
    assert bowl["width x"] < noise["width x"]
    assert bowl["smooth"] > 0.7 > 0.4 > noise["smooth"]


def make_model(pairs: Sequence[Pair]) -> BridgeModel:
    plane = Space((Dimension("x", "float"), Dimension("y", "float")))
    proxy = Space((Dimension("p0", "float"), Dimension("p1", "float")))
    return fit("b", tuple(pairs), proxy=proxy, target=plane, objective=("loss", "min"))


def test_a_model_written_and_read_predicts_the_same(tmp_path):
    model = make_model(linear_pairs(8, noise=0.03))
    write_model(tmp_path / "model.json", model)
    again = read_model(tmp_path / "model.json")
    assert again == model
    seen = Seen(optimum={"p0": 0.4, "p1": 0.6}, surface={})
    assert isinstance(model.predict()(seen), Prediction)
    assert again.predict()(seen) == model.predict()(seen)
    assert json.loads((tmp_path / "model.json").read_text())["format"] == "autopeft-bridge-1"


@pytest.mark.parametrize("text", ["", "{}", '{"format": "pickle"}', "[1]"])
def test_what_is_no_model_is_said_to_be_none(tmp_path, text):
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(AutopeftError, match=r"not a bridge's model .*`autopeft bridge fit`"):
        read_model(path)


def test_outside_the_cloud_of_the_pairs_it_is_less_sure():
    pairs = tuple(linear_pairs(9, noise=0.03))
    space = Space(tuple(Dimension(name, "float") for name in "xy"))
    model = fit("m", pairs, proxy=space, target=space, objective=("loss", "min"))
    assert model.has_signal
    spreads = []
    for away in (0.0, 1.0, 4.0):
        seen = Seen(optimum={"p0": 0.5 + away, "p1": 0.5}, surface={})
        spreads.append(model.predict()(seen).spread["x"])
    assert spreads[0] == pytest.approx(model.spread["x"])
    assert spreads[0] < spreads[1] < spreads[2]
