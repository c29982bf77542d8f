"""What an objective says becomes reports in order, of which one is the last."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopeft.trial.course import Course, measured
from autopeft.trial.failures import ObjectiveFailed

numbers = st.floats(allow_nan=False)


def course(steps: int) -> Course:
    ticks = iter(range(1000))
    return Course(steps, clock=lambda: float(next(ticks)))


@given(st.lists(st.integers(0, 99), unique=True), st.one_of(st.none(), numbers))
def test_steps_come_in_order_and_the_last_report_is_the_only_final_one(
    steps: list[int], result: float | None
) -> None:
    way = course(100)
    reports = [way.say({"step": step, "loss": step / 100}) for step in sorted(steps) if step]
    assert all(report is not None and not report.final for report in reports)
    if result is None and not reports:
        with pytest.raises(ObjectiveFailed, match="no result"):
            way.end()
        return
    last = way.end(result)
    assert (last.step, last.final) == (100, True)
    assert last.metrics.get("value") == result
    assert ("loss" in last.metrics) == bool(reports)


def test_what_is_said_of_the_last_step_waits_for_the_result() -> None:
    way = course(10)
    assert way.say({"step": 10, "loss": 0.5}) is None
    assert way.say({"step": 10, "loss": 0.4}) is None
    last = way.end({"accuracy": 0.9, "step": 10})
    assert dict(last.metrics) == {"run_seconds": 1.0, "loss": 0.4, "accuracy": 0.9}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([{"step": 5}, {"step": 5}], "step 5 comes after step 5"),
        ([{"step": 5}, {"step": 4}], "step 4 comes after step 5"),
        ([{"step": 11}], "step 11 is above task.steps 10"),
        ([{"step": 1.5}], "step is 1.5, a whole number"),
        ([{"step": True}], "step is True"),
        ([{"step": math.nan}], "step is nan"),
        ([{"step": "3"}], "step is '3'"),
        ([{"step": 1, "loss": "low"}], "loss is 'low', a number would be right"),
        ([{"step": 1, "loss": None}], "loss is None"),
        ([{"step": 1, "loss": True}], "loss is True"),
    ],
)
def test_a_bad_report_is_named(said: list[dict[str, Any]], words: str) -> None:
    way = course(10)
    *good, bad = said
    for report in good:
        way.say(report)
    with pytest.raises(ObjectiveFailed, match=r"^bad report: ") as caught:
        way.say(bad)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "result", ["0.5", b"1", True, {"a": "b"}, {1: 2}, [1, "x"], object(), [[1]]]
)
def test_a_result_that_is_no_number_is_named(result: Any) -> None:
    with pytest.raises(ObjectiveFailed, match=r"^bad result: "):
        measured(result)


def test_numbers_of_all_sorts_are_metrics() -> None:
    assert measured(np.float32(0.5)) == {"value": 0.5}
    assert measured((np.int64(3), 2)) == {"value_0": 3.0, "value_1": 2.0}
    assert math.isnan(measured({"loss": math.nan})["loss"])
    assert measured([]) == {}
