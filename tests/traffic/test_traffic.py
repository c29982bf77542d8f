"""The simulated town: repeatable, sensitive to what is unknown of it, and cheaper as a proxy."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml

from autopeft.core.errors import AutopeftError, InputError
from autopeft.core.places import shipped
from autopeft.spec.bridge import load_bridge
from autopeft.traffic import scenarios
from autopeft.traffic.objectives import errors, meso, micro, score
from autopeft.traffic.scenarios import DAYS, observe, observed, truth
from autopeft.traffic.simulate import INTERVALS, MODES, simulate
from autopeft.traffic.situation import RANGES, SPACE, Situation, detectors, routes

LIGHT = Situation(250, 220, 0.15, 1.2, 1.0)


def test_what_is_kept_of_a_day_is_what_the_simulator_says():
    kept, made = observed(DAYS[4]), observe(DAYS[4])
    assert kept.counts.tolist() == made.counts.tolist()
    assert kept.speeds.tolist() == made.speeds.tolist()


@pytest.mark.parametrize("mode", MODES)
def test_a_seed_repeats_and_another_does_not(mode):
    first, again, other = (simulate(LIGHT, mode=mode, seed=seed) for seed in (1, 1, 2))
    assert first.counts.shape == first.speeds.shape == (len(detectors()), INTERVALS)
    assert np.array_equal(first.speeds, again.speeds)
    assert not np.array_equal(first.speeds, other.speeds)
    assert errors(first, again)["error"] == 0 < errors(first, other)["error"]


@pytest.mark.parametrize("mode", MODES)
def test_more_demand_is_counted_and_hasty_drivers_are_faster(mode):
    light = simulate(LIGHT, mode=mode, seed=1)
    more = simulate(replace(LIGHT, east_west=400), mode=mode, seed=1)
    hasty = simulate(replace(LIGHT, haste=1.25), mode=mode, seed=1)
    assert more.counts.sum() > 1.2 * light.counts.sum()
    assert hasty.speeds.mean() > 1.05 * light.speeds.mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["east_west", "north_south", "turning", "haste"])
def test_far_from_the_truth_the_error_is_larger(name):
    day = DAYS[4]
    true = truth(day)
    low, high = RANGES[name]
    far = low if getattr(true, name) > (low + high) / 2 else high
    there = score(day, true, mode="micro")
    assert score(day, replace(true, **{name: far}), mode="micro")["error"] > 1.2 * there["error"]


def test_every_vehicle_goes_somewhere_and_the_rates_add_up():
    text = routes(replace(LIGHT, turning=0.25), seconds=900)
    periods = [float(part.split('"')[0]) for part in text.split('period="')[1:]]
    assert len(periods) == 24
    assert sum(3600 / period for period in periods) == pytest.approx(6 * 250 + 6 * 220, rel=1e-3)


def test_the_objectives_are_what_a_search_file_names():
    values = {"east_west": 300, "north_south": 300, "turning": 0.2, "headway": 1.2, "haste": 1.0}
    for function, mode in ((micro, "micro"), (meso, "meso")):
        found = function(day=DAYS[0], **values)
        assert found["error"] == score(DAYS[0], Situation(**values), mode=mode)["error"]
        assert found["simulator_seconds"] > 0


def test_truths_differ_and_lie_inside():
    drawn = [truth(day) for day in DAYS]
    assert len(set(drawn)) == len(DAYS)
    for name, (low, high) in RANGES.items():
        assert all(low < getattr(one, name) < high for one in drawn)


def test_an_unknown_day_is_said():
    with pytest.raises(InputError, match="no day named 'tuesday'; known: day-01, "):
        observed("tuesday")


def test_measurements_can_be_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(scenarios, "OBSERVED", tmp_path / "observed.json")
    monkeypatch.setattr(scenarios, "DAYS", DAYS[4:5])
    scenarios.write_observed()
    assert set(yaml.safe_load((tmp_path / "observed.json").read_text())) == {DAYS[4]}


def test_without_sumo_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "libsumo", None)
    with pytest.raises(AutopeftError, match=r"pip install 'autopeft\[traffic\]'"):
        simulate(LIGHT, mode="meso", seed=1)


def test_the_shipped_bridge_searches_what_the_benchmark_does():
    bridge = load_bridge(shipped("search_spaces") / "bridges" / "traffic.yaml")
    assert [scenario.name for _, scenario in bridge.scenarios()] == list(DAYS)
    for _, scenario in bridge.scenarios():
        for side in ("proxy", "target"):
            sweep = bridge.sweep(scenario, side)
            assert sweep.any_trial.task.parameters["day"] == scenario.name
            spans = {d.name: (d.low, d.high) for d in sweep.space.dimensions}
            assert spans == {d.name: (d.low, d.high) for d in SPACE.dimensions}
