"""Every scheduler of the table in the conductor: kills, failures, pauses, promotions."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from autopeft.schedulers import SCHEDULERS
from autopeft.searchers import SEARCHERS, Interim
from autopeft.spec.searcher import Searcher as Options
from autopeft.sweep.amend import amend
from autopeft.sweep.conductor import Conductor
from autopeft.tracking.events import AnyEvent, Asked, Kind, Paused, Promoted, Status
from autopeft.tracking.history import History
from autopeft.tracking.journal import read_journal

StageMaker = Callable[..., Any]
QUICK: dict[str, Any] = {"baselines": False, "retrain": 1, "retrain_seeds": 1}
PBT = {"kind": "pbt", "population": 4, "interval_steps": 20}
# Such that within 24 trials each proposes by what it has learnt.
HASTY: dict[str, dict[str, Any]] = {
    "grid": {"points": 7},
    "tpe": {"startup_trials": 4},
    "gp": {"startup_trials": 4},
    "cmaes": {"population": 4},
    "nsga2": {"population": 4},
    "nsga3": {"population": 4},
}
OPTIONS: TypeAdapter[Any] = TypeAdapter(Options)
# A Gaussian process takes a tenth of a second for a point.
every_searcher = pytest.mark.parametrize(
    "searcher",
    [pytest.param(n, marks=[pytest.mark.slow] if n == "gp" else []) for n in sorted(SEARCHERS)],
)
CASES: dict[str, dict[str, Any]] = {
    **{kind: {"scheduler": {"kind": kind}} for kind in SCHEDULERS},
    "asha-promote": {"scheduler": {"kind": "asha", "mode": "promote"}},
    "hyperband-promote": {"scheduler": {"kind": "hyperband", "mode": "promote"}},
    "pbt-small": {"scheduler": PBT},
    "patience": {"scheduler": {"kind": "none"}, "patience": {"reports": 2, "min_delta": 0.01}},
    "patience-promote": {
        "scheduler": {"kind": "asha", "mode": "promote"},
        "patience": {"reports": 2, "min_delta": 0.01},
    },
}
every_case = pytest.mark.parametrize("case", sorted(CASES))
PROMOTE = {"kind": "asha", "mode": "promote"}


def finished(stage: Any) -> Conductor:
    conductor: Conductor = stage.open()
    stage.play(conductor)
    stage.close()
    return conductor


def story(stage: Any) -> list[dict[str, Any]]:
    """The events that decide something, without their times."""
    return [
        event.model_dump(exclude={"time"})
        for event in read_journal(stage.run.journal)
        if event.event != "sweep_resumed"
    ]


def kill(stage: Any, moment: int) -> Conductor:
    """Play until so many events are on the disk; return the conductor as it died."""
    stage.die_after = moment
    conductor: Conductor = stage.open()
    with pytest.raises(BaseException, match=r"^$"):
        stage.play(conductor)
    stage.close()
    stage.die_after = None
    return conductor


@every_case
def test_killed_at_twenty_moments_with_one_slot_it_tells_the_same_story(
    stage: StageMaker, case: str
) -> None:
    options = {**QUICK, **CASES[case], "trials": 9}
    whole = stage("whole", **options)
    finished(whole)
    expected = story(whole)
    moments = range(2, len(expected))
    for moment in sorted(random.Random(case).sample(moments, min(20, len(moments)))):
        at = stage(f"killed-{moment}", **options)
        kill(at, moment)
        finished(at)
        assert story(at) == expected, f"killed after {moment}"


@every_case
def test_the_state_at_a_kill_is_exact_with_several_slots(stage: StageMaker, case: str) -> None:
    options = {**QUICK, **CASES[case], "trials": 9}
    length = len(story_of(stage("whole", slots=3, **options)))
    for moment in sorted(random.Random(case).sample(range(2, length - 1), 20)):
        at = stage(f"state-{moment}", slots=3, **options)
        dead = kill(at, moment)
        events = list(read_journal(at.run.journal))
        # The event that was being written is on disk, but the dead driver had not applied it.
        again = Conductor(at.sweep, at.journal, events=events[:-1])
        before, after = again.state.searcher.state(), dead.state.searcher.state()
        if isinstance(events[-1], Asked):  # asked, not yet written down
            after["calls"] = after["calls"][:-1]
        assert before == after
        assert again.state.scheduler.state() == dead.state.scheduler.state()
        assert again.state.decisions == dead.state.decisions
        assert again.state.out_of_patience == dead.state.out_of_patience
        assert again.history.trials == dead.history.trials
        finished(at)


def story_of(stage: Any) -> list[dict[str, Any]]:
    finished(stage)
    return story(stage)


@every_case
@pytest.mark.parametrize("slots", [1, 4])
def test_a_tenth_failing_every_trial_ends_and_counts_are_exact(
    stage: StageMaker, case: str, slots: int
) -> None:
    at = stage(slots=slots, **{**QUICK, **CASES[case], "trials": 20})
    failed = draw_failures(at)
    history = finished(at).history
    check_failures(history, failed, trials=20)
    assert any(trial.has_run_its_course for trial in history.of_kind(Kind.TRIAL))


@every_searcher
@pytest.mark.parametrize(
    "scheduler", [{"kind": "asha"}, PROMOTE, PBT], ids=["stop", "promote", "pbt"]
)
@pytest.mark.parametrize("objectives", [1, 2])
def test_a_tenth_failing_every_searcher_finishes_its_budget(
    stage: StageMaker, searcher: str, scheduler: dict[str, Any], objectives: int
) -> None:
    searching = {"kind": searcher, **HASTY.get(searcher, {})}
    options = {**QUICK, "searcher": searching, "scheduler": scheduler, "trials": 24}
    if objectives == 2:
        if OPTIONS.validate_python(searching).one_objective_only:
            pytest.skip("searches one objective; a search file that asks for more is refused")
        options["objectives"] = {"accuracy": "max", "loss": "min"}
    at = stage(slots=2, **options)
    failed = draw_failures(at)
    history = finished(at).history
    assert history.ended is not None
    if "exhausted" not in history.ended.reason and "converged" not in history.ended.reason:
        check_failures(history, failed, trials=24)


def draw_failures(stage: Any) -> set[str]:
    """Let a tenth of the trials fail, drawn by name; return who did, as it happens."""
    failed: set[str] = set()

    def fails(assignment: Any, step: int) -> bool:
        dice = random.Random(assignment.trial)
        doomed = assignment.kind is Kind.TRIAL and dice.random() < 0.1
        if doomed and step >= dice.choice([10, 20]):
            failed.add(assignment.trial)
            return True
        return False

    stage.fails = fails
    return failed


def check_failures(history: History, failed: set[str], *, trials: int) -> None:
    statuses = {trial.id: trial.status for trial in history.of_kind(Kind.TRIAL)}
    assert history.is_over
    assert history.counted == trials
    assert failed
    assert {trial for trial, status in statuses.items() if status is Status.FAILED} == failed
    assert history.failures().get("error", 0) == len(failed)
    assert not [status for status in statuses.values() if status.is_open]


def test_the_best_are_promoted_and_the_rest_are_stopped_and_told(stage: StageMaker) -> None:
    at = stage(slots=2, **{**QUICK, "scheduler": PROMOTE, "trials": 18, "retrain": 0})
    conductor: Conductor = at.open()
    told: Counter[str] = Counter()
    tell = conductor.state.searcher.tell
    conductor.state.searcher.tell = lambda n, o: (told.update([type(o).__name__]), tell(n, o))[1]  # type: ignore[method-assign]
    at.play(conductor)
    at.close()
    history = conductor.history
    events = list(read_journal(at.run.journal))
    waited = [t for t in history.of_kind(Kind.TRIAL) if t.reason == "scheduler: not promoted"]
    whole = [t for t in history.of_kind(Kind.TRIAL) if t.status is Status.FINISHED]
    assert waited
    assert whole
    assert len(waited) + len(whole) == 18
    pauses = of(events, Paused)
    assert pauses
    assert told == {"Pruned": len(waited), "Value": len(whole), "Interim": len(pauses)}
    assert set(of(events, Promoted)) >= {t.id for t in whole} & set(pauses)
    assert len(of(events, Promoted)) <= 18 // 3 + 6 // 3 + 2


def of(events: list[AnyEvent], kind: type[Any]) -> list[str]:
    return [event.trial for event in events if isinstance(event, kind)]


def test_promotions_come_before_new_points(stage: StageMaker) -> None:
    at = stage(**{**QUICK, "scheduler": PROMOTE, "trials": 9})
    finished(at)
    events = list(read_journal(at.run.journal))
    first = next(index for index, event in enumerate(events) if isinstance(event, Promoted))
    asked = [event for event in events[:first] if isinstance(event, Asked)]
    assert len(asked) < 9


def test_a_paused_trial_is_a_twin_and_no_new_trial(stage: StageMaker) -> None:
    at = stage(**{**QUICK, "scheduler": PROMOTE, "trials": 3, "retrain": 0})
    at.effective = lambda a: "first" if a.trial in ("t0000", "t0002") else a.trial
    conductor: Conductor = at.open()
    told: list[tuple[int, Any]] = []
    tell = conductor.state.searcher.tell
    conductor.state.searcher.tell = lambda n, o: (told.append((n, o)), tell(n, o))[1]  # type: ignore[method-assign]
    at.play(conductor)
    at.close()
    history = conductor.history
    assert history.trials["t0002"].status is Status.DUPLICATE
    assert history.trials["t0002"].duplicate_of == "t0000"
    assert history.counted == 3
    first, copy = ([o for n, o in told if n == number] for number in (0, 2))
    assert isinstance(first[0], Interim)
    # What its twin had come to by then, and all it came to since; without the time, spent once.
    assert copy == [replace(o, seconds=None) for o in first[-len(copy) :]]
    assert len(copy) > 1


def test_out_of_time_ends_who_waits(stage: StageMaker) -> None:
    at = stage(**{**QUICK, "scheduler": PROMOTE, "trials": 1000, "hours": 1.0, "retrain": 0})
    conductor = at.open()
    clock = iter(range(2, 10_000_000, 60))
    conductor._now = lambda: float(next(clock))
    at.play(conductor)
    at.close()
    reasons = Counter(t.reason for t in conductor.history.of_kind(Kind.TRIAL))
    assert reasons["hours: search.hours are over"] > 1
    assert conductor.history.ended is not None
    assert "hours" in conductor.history.ended.reason


def test_patience_stops_within_a_trial_and_such_a_trial_may_win(stage: StageMaker) -> None:
    patience = {"reports": 2, "min_delta": 0.0}
    at = stage(**{**QUICK, "scheduler": {"kind": "none"}, "patience": patience, "trials": 4})
    at.accuracy = lambda a, step: min(step, 30) / 80 + int(a.trial[1:] or 0) / 1000
    history = finished(at).history
    trials = history.of_kind(Kind.TRIAL)
    assert {(t.status, t.step, t.reason) for t in trials} == {
        (Status.STOPPED, 50, "patience: no better for 2 reports")
    }
    assert history.best is trials[-1]
    retrained = history.of_kind(Kind.RETRAIN)
    assert {(t.status, t.step) for t in retrained} == {(Status.FINISHED, 80)}


def test_an_objective_scored_only_at_the_end_is_no_failure_before(stage: StageMaker) -> None:
    objectives = {"source_accuracy": "max"}
    at = stage(**{**QUICK, "scheduler": {"kind": "none"}, "trials": 2, "objectives": objectives})
    conductor = at.open()
    first = conductor.next()
    build: Any = {"effective": "x", "trainable_parameters": 1, "details": {}}
    conductor.on_built(first.trial, **build)
    said = conductor.on_report(first.trial, step=10, metrics={"accuracy": 0.5}, final=False)
    assert said == "continue"
    conductor.on_report(first.trial, step=80, metrics={"source_accuracy": 0.5}, final=True)
    assert conductor.history.trials[first.trial].status is Status.FINISHED
    at.close()


def test_copies_are_journalled_with_their_values_and_train_with_them(stage: StageMaker) -> None:
    options = {**QUICK, "scheduler": {**PBT, "population": 8, "quantile": 0.5}, "trials": 8}
    at = stage(slots=2, **options)
    conductor: Conductor = at.open()
    seen: dict[str, list[float]] = {}
    at.effective = lambda a: seen.setdefault(a.trial, []).append(rate_of(a)) or a.trial  # type: ignore[func-returns-value]
    at.play(conductor)
    at.close()
    history = conductor.history
    events = list(read_journal(at.run.journal))
    copies = [event for event in events if isinstance(event, Promoted) and event.source]
    assert copies
    for event in copies:
        trial, source = (history.trials[each] for each in (event.trial, event.source or ""))
        assert trial.values["method"] == source.values["method"]
        assert all(name.endswith("learning_rate") for name in event.values)
        assert set(event.values.values()) <= set(seen[event.trial])
        assert event.source in {exploit.source for exploit in trial.exploits}
    assert {t.status for t in history.of_kind(Kind.TRIAL)} == {Status.FINISHED}
    retrained = history.of_kind(Kind.RETRAIN)
    assert [t.values for t in retrained] == [history.trials[t.of or ""].values for t in retrained]


def rate_of(assignment: Any) -> float:
    return float(getattr(assignment.spec.method, "learning_rate", 0.0))


def test_only_what_was_built_the_same_is_copied(stage: StageMaker) -> None:
    at = stage(**{**QUICK, "scheduler": PBT, "trials": 5})
    conductor = at.open()
    details = {
        "t0000": {
            "kind": "lora",
            "modules": {"q": 8},
            "knobs": [{"learning_rate": 1, "scaling": 2}],
        },
        "t0001": {
            "kind": "lora",
            "modules": {"q": 8},
            "knobs": [{"learning_rate": 3, "scaling": 2}],
        },
        "t0002": {
            "kind": "lora",
            "modules": {"q": 4},
            "knobs": [{"learning_rate": 1, "scaling": 2}],
        },
        "t0003": {
            "kind": "lora",
            "modules": {"q": 8},
            "knobs": [{"learning_rate": 1, "scaling": 1}],
        },
        "t0004": {
            "base": "another",
            "kind": "lora",
            "modules": {"q": 8},
            "knobs": [{"learning_rate": 1, "scaling": 2}],
        },
    }
    for trial, found in details.items():
        conductor.next()
        conductor.history.trials[trial].values["method"] = "lora"
        conductor.on_built(trial, effective=trial, trainable_parameters=1, details=found)
    at.close()
    others = [conductor.state.alike("t0000", trial) for trial in [*details][1:]]
    assert others == [True, False, False, False]


def amended(stage: Any, *overrides: str) -> list[str]:
    said = amend(stage.run, overrides)
    stage.sweep = stage.run.sweep()
    return said


def test_with_no_scheduler_any_more_who_waits_goes_on(stage: StageMaker) -> None:
    at = stage(**{**QUICK, "scheduler": PROMOTE, "trials": 6})
    kill(at, 20)
    waiting = [t.id for t in at.run.history().paused]
    assert len(waiting) > 1
    said = amended(at, "search.scheduler={kind: none}")
    assert f"{', '.join([*waiting, 't0003'])} go on" in said
    assert "search.scheduler.kind: asha → none" in said
    history = finished(at).history
    assert {t.status for t in history.of_kind(Kind.TRIAL)} == {Status.FINISHED}
    for trial in history.of_kind(Kind.TRIAL):
        assert [point.step for point in trial.reports] == list(range(10, 81, 10))


def test_another_searcher_takes_who_waits_as_history_too(stage: StageMaker) -> None:
    at = stage(**{**QUICK, "scheduler": PROMOTE, "trials": 8})
    kill(at, 30)
    paused = set(of(list(read_journal(at.run.journal)), Paused))
    assert len(paused) > len(at.run.history().paused) > 2, "one was promoted and is at work again"
    amended(at, "search.searcher={kind: tpe, startup_trials: 2}")
    conductor: Conductor = at.open()
    study = conductor.state.searcher._study  # type: ignore[attr-defined]
    seen = {trial.number: trial.state.name for trial in study.get_trials(deepcopy=False)}
    assert {f"t{number:04d}" for number, state in seen.items() if state == "PRUNED"} == paused
    at.play(conductor)
    at.close()
    assert conductor.history.counted == 8


def test_with_a_scheduler_that_pauses_the_journal_fills_its_rungs(stage: StageMaker) -> None:
    at = stage(slots=3, **{**QUICK, "scheduler": {"kind": "none"}, "trials": 12})
    kill(at, 60)
    before = {t.id: t.status for t in at.run.history().trials.values() if not t.status.is_open}
    said = amended(at, "search.scheduler={kind: asha, mode: promote}")
    assert any("as its history; what has ended stays" in sentence for sentence in said)
    conductor: Conductor = at.open()
    lowest = conductor.state.scheduler.state()["rungs"][-1]
    assert len(lowest[1]) >= len(before)
    at.play(conductor)
    at.close()
    history = conductor.history
    assert {trial: history.trials[trial].status for trial in before} == before
    assert history.counted == 12
    assert not history.paused
    # Killed and resumed after the change, it replays to the same end.
    finished(at)
    assert Conductor(at.sweep, at.journal, events=list(read_journal(at.run.journal))).is_over


def test_an_extended_sweep_keeps_its_scheduler(stage: StageMaker) -> None:
    at = stage(**{**QUICK, "scheduler": PROMOTE, "trials": 6})
    finished(at)
    amended(at, "search.trials=12")
    history = finished(at).history
    assert history.counted == 12
    assert not history.paused


def test_a_running_driver_keeps_its_file(stage: StageMaker) -> None:
    from autopeft.core.errors import RunFolderError

    at = stage(**QUICK)
    at.open()
    before = at.run.spec_file.read_text()
    with pytest.raises(RunFolderError, match="another driver is running"):
        amend(at.run, ["search.trials=30"])
    assert at.run.spec_file.read_text() == before
    at.close()


def test_a_copy_that_is_built_as_its_source_is_no_duplicate(stage: StageMaker) -> None:
    """Values at the edge of the space may be explored into themselves."""
    options = {**QUICK, "scheduler": {**PBT, "population": 8, "quantile": 0.5}, "trials": 8}
    at = stage(**options)
    copied: dict[str, str] = {}

    def effective(assignment: Any) -> str:
        exploits = conductor.history.trials[assignment.trial].exploits
        copied.update({assignment.trial: exploits[-1].source} if exploits else {})
        return copied.get(assignment.trial, assignment.trial)

    at.effective = effective
    conductor = at.open()
    at.play(conductor)
    at.close()
    assert copied
    assert {t.status for t in conductor.history.of_kind(Kind.TRIAL)} == {Status.FINISHED}
