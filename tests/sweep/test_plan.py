import pytest

from autopeft.spec.load import load_sweep
from autopeft.spec.resources import Resources
from autopeft.sweep import plan
from autopeft.sweep.plan import make_plan, plan_text, slots_here

RAW = {
    "name": "small",
    "task": {"data": {"kind": "procedural"}},
    "method": {"kind": "lora", "rank": {"one_of": [1, 2, 4]}},
    "search": {"trials": 7},
}


def test_a_plan_is_the_same_twice_and_what_the_searcher_would_ask():
    sweep = load_sweep(RAW)
    found = make_plan(sweep)
    assert found == make_plan(sweep)
    assert len(found.first) == 5
    assert all(values["method.rank"] in (1, 2, 4) for values in found.first)
    assert found.retrainings == 9
    assert found.baselines[0] == "zero-shot"


def test_a_space_of_nothing_can_be_planned():
    text = plan_text(make_plan(load_sweep({**RAW, "method": {"kind": "ia3"}})))
    assert "(nothing is searched)" in text


@pytest.mark.parametrize(
    ("resources", "slots"),
    [
        ({"cpus": 1}, 8),
        ({"cpus": 3}, 2),
        ({"cpus": 16}, 0),
        ({"cpus": 1, "gpus": 0.25}, 8),
        ({"cpus": 1, "gpus": 1}, 2),
        ({"cpus": 1, "max_concurrent": 3}, 3),
    ],
)
def test_slots(resources, slots, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(plan, "_gpus_here", lambda: 2)
    assert slots_here(Resources(**resources)) == slots


def test_gpus_are_those_made_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    assert plan._gpus_here() == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert plan._gpus_here() == 0
