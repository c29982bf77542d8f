"""The resolved sweep says everything, and is the same sweep."""

import pytest

from autopeft.core.places import shipped
from autopeft.spec.load import load_sweep
from autopeft.spec.resolved import resolved
from autopeft.spec.space import Space
from autopeft.spec.sweep import Sweep


def everything(sweep: Sweep) -> tuple[object, ...]:
    middle = {dimension.name: 0.5 for dimension in sweep.space.dimensions}
    space: Space = sweep.space
    return space, sweep.settings, sweep.trial(space.decode(middle)), sweep.profile


@pytest.mark.parametrize(
    "file", sorted(shipped("search_spaces").glob("*.yaml")), ids=lambda p: p.stem
)
def test_it_is_the_same_sweep(file):
    sweep = load_sweep(file)
    whole = resolved(sweep)
    assert everything(load_sweep(whole)) == everything(sweep)
    assert resolved(load_sweep(whole)) == whole


def test_ranges_and_defaults_are_written_out():
    task = {"kind": "contrastive", "data": {"kind": "procedural"}}
    methods = [{"kind": "lora", "learning_rate": "search"}, {"kind": "ln"}]
    whole = resolved(load_sweep({"name": "small", "task": task, "method": {"any_of": methods}}))
    lora, ln = whole["method"]["any_of"]
    assert lora["learning_rate"] == {"low": 1e-4, "high": 2e-2, "log": True}
    assert (lora["name"], lora["rank"], ln["learning_rate"]) == ("lora", 8, 1e-2)
    assert whole["training"]["weight_decay"] is not None
    assert whole["search"]["trials"] == 24
