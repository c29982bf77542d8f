"""A bridge in a sweep: proxy's run and model in, first points, prior and box out."""

import json
from pathlib import Path
from typing import Any

import pytest

from autopeft.bridge.model_file import BridgeModel, fit, write_model
from autopeft.bridge.opening import make_opening
from autopeft.bridge.pairs import Pair, Sides, pair_of
from autopeft.bridge.past import read_past_run
from autopeft.core.errors import InputError
from autopeft.searchers import Proposal, Value
from autopeft.searchers.hedged import Hedged
from autopeft.searchers.narrowed import Narrowed
from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.sweep.searching import searcher_of
from tests.bridge.conftest import SPEC, maker, past, peak

__all__ = ["past"]  # a fixture
RATE = "method.learning_rate"
PROXY = {**SPEC, "method": {"kind": "ia3", "learning_rate": "search"}, "training": {}}
TARGET = {**SPEC, "method": {"kind": "lora", "learning_rate": SPEC["method"]["learning_rate"]}}
TARGET |= {"training": {}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> BridgeModel:
    """A bridge that learnt that the target's rate lies 0.2 above the proxy's."""
    proxy, target = load_sweep(PROXY).space, load_sweep(TARGET).space
    pairs, make = list[Pair](), maker(tmp_path_factory.mktemp("taught"))
    for index, there in enumerate((0.1, 0.25, 0.35, 0.5, 0.6, 0.7)):
        runs = [
            make(f"{side}{index}", peak(learning_rate=at), spec=spec, count=40, seed=index)
            for side, at, spec in (("proxy", there, PROXY), ("target", there + 0.2, TARGET))
        ]
        sides = Sides(
            f"s{index}", read_past_run(runs[0], proxy), read_past_run(runs[1], target), {}
        )
        found = pair_of(sides, proxy.axes)
        assert found is not None
        pairs.append(found)
    return fit("small", tuple(pairs), proxy=proxy, target=target, objective=("accuracy", "max"))


def sweep_after(path: Path, proxy: Any, searcher: str = "random", **more: Any) -> Sweep:
    start = {"kind": "bridge", "model": str(path), "proxy": str(proxy), **more}
    search = {**SPEC["search"], "searcher": {"kind": searcher}, "warm_start": start}
    return load_sweep({**TARGET, "search": search})


def test_the_prediction_comes_first_and_the_space_is_narrowed_around_it(model, past, tmp_path):
    write_model(tmp_path / "model.json", model)
    proxy = past("new-proxy", peak(learning_rate=0.42), spec=PROXY, count=40, seed=99)
    sweep = sweep_after(tmp_path / "model.json", proxy.path)
    opening = make_opening(sweep)
    assert opening.first[0][RATE] == pytest.approx(0.62, abs=0.08)
    low, high = opening.box[RATE]
    assert low < 0.62 < high
    assert high - low < 0.5
    assert opening.sources[-1] == proxy.path.name
    assert opening.sources[:-1] == tuple(name for pair in model.pairs for name in pair.runs)
    assert opening.sources[0].startswith("proxy0-")
    searcher = searcher_of(sweep, opening)
    assert isinstance(searcher, Narrowed)
    assert searcher.ask().cube == pytest.approx(opening.first[0])


def test_a_simplex_begins_around_the_prediction_as_wide_as_it_is_unsure(model, past, tmp_path):
    write_model(tmp_path / "model.json", model)
    proxy = past("new-proxy", peak(learning_rate=0.42), spec=PROXY, count=40, seed=99)
    sweep = sweep_after(tmp_path / "model.json", proxy.path, "nelder-mead", points=1)
    opening = make_opening(sweep)
    searcher = searcher_of(sweep, opening)
    rates = [searcher.ask().cube[RATE] for _ in range(2)]
    spread = opening.spread[RATE]
    assert all(abs(rate - opening.mean[RATE]) <= spread + 1e-9 for rate in rates)
    assert rates[0] != rates[1]


def test_without_a_signal_the_best_of_the_past_comes_first_and_it_is_said(model, past, tmp_path):
    silent = model.model_copy(
        update={"has_signal": False, "regression": "mean", "inputs": (), "sentence": "no signal: x"}
    )
    write_model(tmp_path / "model.json", silent)
    proxy = past("new-proxy", peak(learning_rate=0.42), spec=PROXY, count=40, seed=99)
    opening = make_opening(sweep_after(tmp_path / "model.json", proxy.path))
    assert opening.box == {}
    known = [pair.target[RATE] for pair in model.pairs]
    assert [cube[RATE] for cube in opening.first] == [pytest.approx(x) for x in known]
    assert opening.remarks == ("no signal: x; the best of its past comes first instead",)


def test_a_space_that_ends_elsewhere_gets_the_prediction_by_value(model, past, tmp_path):
    write_model(tmp_path / "model.json", model)
    proxy = past("new-proxy", peak(learning_rate=0.42), spec=PROXY, count=40, seed=99)
    same = make_opening(sweep_after(tmp_path / "model.json", proxy.path))
    sweep = sweep_after(tmp_path / "model.json", proxy.path)
    raw = json.loads(json.dumps(sweep.raw))
    raw["method"]["learning_rate"]["low"] = 1e-5
    wider = load_sweep(raw)
    opening = make_opening(wider)
    values = [s.space.decode(o.first[0])[RATE] for s, o in ((sweep, same), (wider, opening))]
    assert values[0] == pytest.approx(values[1])
    assert opening.box[RATE][0] > same.box[RATE][0]


def test_what_lacks_is_said_at_its_place(model, past, tmp_path):
    path = tmp_path / "model.json"
    with pytest.raises(InputError, match=r"search\.warm_start\.model: .*`autopeft bridge fit`"):
        make_opening(sweep_after(path, "nowhere"))
    write_model(path, model)
    with pytest.raises(InputError, match=r"search\.warm_start\.proxy: .*no run folder"):
        make_opening(sweep_after(path, tmp_path / "nowhere"))
    other = past("other", peak(), spec={**SPEC, "method": {"kind": "ia3"}})
    with pytest.raises(InputError, match="has no trial of this bridge's proxy"):
        make_opening(sweep_after(path, other.path))


def test_a_bridge_to_another_space_is_refused(model, past, tmp_path):
    write_model(tmp_path / "model.json", model)
    proxy = past("new-proxy", peak(), spec=PROXY)
    start = {"kind": "bridge", "model": str(tmp_path / "model.json"), "proxy": str(proxy.path)}
    spec = {**SPEC, "method": {"kind": "ia3"}, "search": {"warm_start": start}}
    with pytest.raises(InputError, match=r"the bridge predicts method\.learning_rate, and this"):
        make_opening(load_sweep(spec))


@pytest.mark.parametrize("searcher", ["random", "nelder-mead"])
def test_a_prediction_whose_trial_is_worse_than_expected_is_dropped(
    model, past, tmp_path, searcher
):
    """The target turns out to be best elsewhere: the limit is in the opening, and is kept to."""
    write_model(tmp_path / "m.json", model.model_copy(update={"regret": (0.002, 0.002)}))
    proxy = past("new-proxy", peak(learning_rate=0.42), spec=PROXY, count=40, seed=99)
    sweep = sweep_after(tmp_path / "m.json", proxy.path, searcher)
    opening = make_opening(sweep)
    assert opening is not None
    assert opening.limit is not None
    assert -1 < opening.limit < -0.9
    assert any("dropped if its first trial has accuracy below 0.9" in r for r in opening.remarks)
    for accuracy, dropped in ((0.999, False), (0.8, True)):
        search = searcher_of(sweep, opening)
        assert isinstance(search, Hedged)
        guess = search.ask()
        assert isinstance(guess, Proposal)
        assert guess.cube == pytest.approx(opening.first[0])
        search.tell(guess.number, Value((accuracy,)))
        assert search.dropped is dropped
