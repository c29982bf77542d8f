"""A function as a trial: called once, or heard as a generator."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autopeft.core.errors import InputError
from autopeft.spec.trial import ObjectiveSpec
from autopeft.trial.base import Report
from autopeft.trial.failures import ObjectiveFailed, reason_of
from autopeft.trial.function import FunctionRunner
from autopeft.trial.objectives import OBJECTIVES, is_registered, load_objective
from autopeft.trial.run import run_trial

MODULE = """
import time
closed = []

def score(x, y=1):
    return (x - 1) ** 2 + y

def seeded(x, seed):
    return [x, seed]

def trained(x):
    try:
        for step in (10, 20, 30):
            yield {"step": step, "loss": x / step}
    finally:
        closed.append(x)

def trained_and_scored(x):
    yield {"step": 10, "loss": x}
    return {"accuracy": 0.5}

def raises(x):
    raise ValueError("no good")

def mumbles(x):
    yield "3"

def slow(x):
    for step in range(1, 30):
        time.sleep(0.05)
        yield {"step": 30, "loss": step}

def nothing(x):
    return None
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("package")
    (folder / "made_up_objectives.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    import made_up_objectives

    yield made_up_objectives
    sys.path.remove(str(folder))


def spec(name: str, **task: Any) -> ObjectiveSpec:
    entry_point = f"made_up_objectives:{name}"
    given = {"kind": "function", "entry_point": entry_point, "parameters": {"x": 3.0}, "steps": 30}
    return ObjectiveSpec.model_validate({"task": {**given, **task}, "seed": 5})


def metrics(report: Report) -> dict[str, float]:
    return {name: value for name, value in report.metrics.items() if name != "run_seconds"}


def test_what_it_returns_is_the_result(module: Any, tmp_path: Path) -> None:
    runner = FunctionRunner(tmp_path)
    assert metrics(run_trial(spec("score"), runner=runner)) == {"value": 5.0}
    told = run_trial(spec("score", parameters={"x": 1.0, "y": 2}), runner=runner)
    assert metrics(told) == {"value": 2.0}
    seeded = run_trial(spec("seeded", seeded=True), runner=runner)
    assert metrics(seeded) == {"value_0": 3.0, "value_1": 5.0}


def test_what_it_yields_is_reports(module: Any, tmp_path: Path) -> None:
    runner, seen = FunctionRunner(tmp_path), list[Report]()
    run_trial(spec("trained"), runner=runner, report=lambda r: seen.append(r) or True)
    assert [(r.step, r.metrics["loss"], r.final) for r in seen] == [
        (10, 0.3, False), (20, 0.15, False), (30, 0.1, True)
    ]  # fmt: skip
    last = run_trial(spec("trained_and_scored"), runner=runner)
    assert metrics(last) == {"loss": 3.0, "accuracy": 0.5}


def test_a_stopped_generator_is_closed(module: Any, tmp_path: Path) -> None:
    module.closed.clear()
    run_trial(spec("trained"), runner=FunctionRunner(tmp_path), report=lambda report: False)
    assert module.closed == [3.0]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "error: ValueError: no good"),
        ("mumbles", "bad report: found '3', a mapping would be right"),
        ("nothing", "no result: it ended without a word on how good it was"),
        ("slow", "timeout: search.trial_timeout is over"),
    ],
)
def test_a_failure_has_a_name(module: Any, tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises((ObjectiveFailed, ValueError)) as caught:
        run_trial(spec(name), runner=FunctionRunner(tmp_path), timeout_s=0.2)
    assert reason_of(caught.value) == reason


def test_configurations_are_alike_by_their_arguments(module: Any, tmp_path: Path) -> None:
    runner = FunctionRunner(tmp_path)

    def effective(name: str, seed: int, **task: Any) -> str:
        trial = spec(name, **task).model_copy(update={"seed": seed})
        return runner.open(trial, folder=None).building.effective

    assert effective("score", 0) == effective("score", 1)
    assert effective("seeded", 0, seeded=True) != effective("seeded", 1, seeded=True)
    assert effective("score", 0) != effective("score", 0, parameters={"x": 4.0})


def test_every_objective_that_ships_can_be_had() -> None:
    for name in OBJECTIVES:
        assert callable(load_objective(name))
        assert is_registered(OBJECTIVES[name])


@pytest.mark.parametrize(
    ("entry_point", "words"),
    [
        ("brannin", "did you mean 'branin'"),
        ("no_such_package:score", "cannot be had: No module named 'no_such_package'"),
        ("made_up_objectives:nowhere", "cannot be had"),
        ("made_up_objectives:closed", "is a list, no function"),
    ],
)
def test_what_cannot_be_had_is_told(module: Any, entry_point: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        load_objective(entry_point)
    assert words in str(caught.value)


def test_a_call_costs_next_to_nothing(module: Any, tmp_path: Path) -> None:
    """The benchmark families of functions are searched by the thousand."""
    runner, began = FunctionRunner(tmp_path), time.process_time()
    for x in range(1000):
        run_trial(spec("score", parameters={"x": float(x)}), runner=runner)
    assert (time.process_time() - began) / 1000 < 1e-3
