from typing import Any

import pytest

from autopeft.spec.load import load_sweep
from autopeft.spec.remarks import remarks

RAW: dict[str, Any] = {
    "name": "a",
    "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
    "method": {"kind": "lora"},
}


def said(scheduler: dict[str, Any], **training: int) -> list[str]:
    raw = {**RAW, "search": {"scheduler": scheduler}, "training": {"warmup_steps": 1, **training}}
    return [str(remark) for remark in remarks(load_sweep(raw))]


@pytest.mark.parametrize(
    ("scheduler", "training"),
    [
        ({"kind": "asha"}, {}),
        ({"kind": "asha", "grace_steps": 30}, {"steps": 90}),
        ({"kind": "asha", "grace_steps": 10, "reduction": 3}, {"steps": 100, "report_every": 5}),
        ({"kind": "none"}, {"steps": 7, "report_every": 7}),
    ],
)
def test_of_what_is_judged_in_time_nothing_is_said(
    scheduler: dict[str, Any], training: dict[str, int]
) -> None:
    assert said(scheduler, **training) == []


def test_rungs_between_two_reports_are_named() -> None:
    (line,) = said({"kind": "asha", "grace_steps": 15}, steps=80)
    assert line == (
        "search.scheduler.grace_steps: trials are judged at the next report, so at step 20, 50 "
        "and not at 15, 45; training.report_every (10) may divide them"
    )


def test_a_rung_that_only_the_end_reaches_stops_nobody() -> None:
    (line,) = said({"kind": "asha"}, steps=40, report_every=40)
    assert "no trial stops early: after step 10 the next report is the last, at step 40" in line


def test_fewer_steps_than_one_report_takes_are_named() -> None:
    (line,) = said({"kind": "none"}, steps=5)
    assert line == (
        "training.report_every: 10 is above training.steps 5: a trial reports once, at its end"
    )
