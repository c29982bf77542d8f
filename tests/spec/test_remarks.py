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


@pytest.mark.parametrize(("grace_steps", "report_every"), [(10, 40), (40, 10)])
def test_a_rung_that_only_the_end_reaches_stops_nobody(grace_steps: int, report_every: int) -> None:
    asha = {"kind": "asha", "grace_steps": grace_steps}
    (line,) = said(asha, steps=40, report_every=report_every)
    assert f"no trial stops early: the first report from step {grace_steps} on is the last" in line


def test_a_reduction_beyond_all_numbers_is_no_accident() -> None:
    assert said({"kind": "asha", "reduction": 1e300}) == []
    assert said({"kind": "asha", "reduction": 1.0000001}, report_every=1, steps=80) != []


def test_fewer_steps_than_one_report_takes_are_named() -> None:
    (line,) = said({"kind": "none"}, steps=5)
    assert line == (
        "training.report_every: 10 is above training.steps 5: a trial reports once, at its end"
    )


@pytest.mark.parametrize("mode", ["stop", "promote"])
def test_a_searcher_that_learns_nothing_from_what_is_stopped_is_named(mode: str) -> None:
    for searcher, goals, words in (
        ("gp", 1, 1), ("gp", 2, 0), ("cmaes", 1, 1), ("nsga2", 1, 1), ("nsga2", 2, 0),
        ("tpe", 1, 0), ("nelder-mead", 1, 0), ("random", 1, 0), ("auto", 1, 0),
    ):  # fmt: skip
        search: dict[str, Any] = {
            "scheduler": {"kind": "asha", "mode": mode, "grace_steps": 30},
            "searcher": {"kind": searcher},
        }
        if goals == 2:
            search["objectives"] = {"accuracy": "max", "loss": "min"}
        told = [str(remark) for remark in remarks(load_sweep({**RAW, "search": search}))]
        assert sum(f"{searcher} learns from trials that run" in line for line in told) == words


def test_populations_that_never_fill_and_rounds_between_reports_are_named() -> None:
    raw = {**RAW, "method": {"kind": "lora", "learning_rate": "search"}}
    pbt = {"kind": "pbt", "population": 5, "interval_steps": 15}
    told = remarks(load_sweep({**raw, "search": {"scheduler": pbt, "trials": 12}}))
    rounds, members = (str(remark) for remark in told)
    assert "interval_steps: members wait at the next report after every 15 steps" in rounds
    assert "population: the last population has 2 members and not 5" in members
    good = {"kind": "pbt", "population": 6}
    assert not list(remarks(load_sweep({**raw, "search": {"scheduler": good, "trials": 12}})))
