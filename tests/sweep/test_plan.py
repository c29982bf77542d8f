from autopeft.spec.load import load_sweep
from autopeft.sweep.plan import make_plan, plan_text

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
