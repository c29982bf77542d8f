"""The conductor on a real Ray Tune, with trials that cost nothing."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from autopeft.searchers import Done, Outcome, Proposal, Wait
from autopeft.sweep.conductor import Conductor
from autopeft.tracking.events import Kind, Promoted, Status
from autopeft.tracking.journal import read_journal

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]
StageMaker = Callable[..., Any]


def run(stage: Any, *, slots: int = 2, faults: dict[str, str] | None = None) -> Conductor:
    from autopeft.sweep.trivial import TrivialTrainable
    from autopeft.sweep.tune_run import run_tune

    (stage.run.path / "faults.json").write_text(json.dumps(faults or {}))
    conductor: Conductor = stage.open()
    run_tune(conductor, stage.run, slots=slots, trainable=TrivialTrainable)
    stage.close()
    return conductor


def processes(conductor: Conductor) -> Counter[int]:
    return Counter(t.details["process"] for t in conductor.history.trials.values() if t.details)


def test_both_slots_work_all_the_time_and_stay_warm_to_the_end(
    stage: StageMaker, ray_of_two: None
) -> None:
    """One slot of two did everything with Tune's default pending limit; then one start a phase."""
    conductor = run(stage(trials=14, retrain=2), faults={"all": "500ms"})
    assert conductor.history.is_over
    assert conductor.history.counted == 14
    used = processes(conductor)
    assert len(used) == 2
    assert min(used.values()) > 0.25 * sum(used.values())


def test_every_failure_has_its_outcome_and_the_counts_are_exact(
    stage: StageMaker, ray_of_two: None
) -> None:
    faults = {
        "t0001": "nan", "t0002": "oom", "t0003": "error", "t0004": "refuse", "t0005": "kill",
    }  # fmt: skip
    history = run(stage(trials=10, scheduler={"kind": "none"}), faults=faults).history
    assert history.counted == 10
    assert {t.status for t in history.of_kind(Kind.BASELINE)} == {Status.FINISHED}
    ended = {name: history.trials[name] for name in faults}
    assert ended["t0001"].reason.startswith("nan")
    assert ended["t0002"].status is Status.FINISHED
    assert ended["t0002"].retries == ["out of memory: by order of faults.json"]
    assert (ended["t0003"].status, ended["t0003"].log) == (Status.FAILED, "Traceback …")
    assert ended["t0004"].status is Status.REFUSED
    assert ended["t0005"].status is Status.FINISHED
    assert len(ended["t0005"].retries) == 1
    assert history.failures() == {"nan": 1, "error": 1, "invalid": 1}


class Barrier:
    """Proposes two points, then waits for both: a searcher in synchronous rounds."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.open = inner, 0

    def ask(self) -> Proposal | Wait | Done:
        if self.open == 2 or (self.open and self.started == 2):
            return Wait()
        if not self.open:
            self.started = 0
        self.open, self.started = self.open + 1, self.started + 1
        return self.inner.ask()  # type: ignore[no-any-return]

    def tell(self, number: int, outcome: Outcome) -> None:
        self.open -= 1
        self.inner.tell(number, outcome)


def test_a_searcher_that_waits_at_a_barrier_keeps_its_warm_workers(
    stage: StageMaker, ray_of_two: None
) -> None:
    from autopeft.sweep.trivial import TrivialTrainable
    from autopeft.sweep.tune_run import run_tune

    at = stage(trials=12, baselines=False, scheduler={"kind": "none"})
    conductor = at.open()
    (at.run.path / "faults.json").write_text('{"all": "500ms"}')
    conductor.state.searcher = Barrier(conductor.state.searcher)  # type: ignore[assignment]
    run_tune(conductor, at.run, slots=2, trainable=TrivialTrainable)
    at.close()
    assert conductor.history.counted == 12
    assert len(processes(conductor)) == 2


def test_stopped_early_and_paused_nowhere(stage: StageMaker, ray_of_two: None) -> None:
    history = run(stage(trials=20, retrain=1)).history
    statuses = Counter(t.status for t in history.of_kind(Kind.TRIAL))
    assert statuses[Status.STOPPED] > 0
    assert statuses[Status.FINISHED] > 0
    assert sum(statuses.values()) == 20


def test_paused_trials_are_promoted_and_fit_returns(stage: StageMaker, ray_of_two: None) -> None:
    promote = {"kind": "asha", "mode": "promote"}
    at = stage(trials=18, retrain=1, baselines=False, scheduler=promote)
    history = run(at).history
    trials = history.of_kind(Kind.TRIAL)
    assert history.is_over
    assert history.counted == 18
    assert {t.reason for t in trials} == {"", "scheduler: not promoted"}
    events = list(read_journal(at.run.journal))
    promoted = {event.trial for event in events if isinstance(event, Promoted)}
    assert promoted
    for trial in trials:  # from their checkpoints: no step twice, none left out
        assert [point.step for point in trial.reports] == list(range(10, trial.step + 1, 10))
    assert all(history.trials[trial].step > 10 for trial in promoted)
    assert Status.FINISHED in {trial.status for trial in trials}


@pytest.mark.slow
def test_a_full_disk_ends_the_sweep_and_no_trial(stage: StageMaker, ray_of_two: None) -> None:
    at = stage(trials=6, baselines=False, retrain=0, scheduler={"kind": "none"})
    broken = run(at, faults={"t0003": "full"})
    assert "No space left" in str(broken.failure)
    assert not broken.history.is_over
    assert broken.history.trials["t0003"].status is Status.RUNNING
    resumed = run(at)
    assert resumed.failure is None
    assert {t.status for t in resumed.history.trials.values()} == {Status.FINISHED}
    assert resumed.history.counted == 6


@pytest.mark.slow
def test_a_trial_that_hangs_in_a_step_is_ended_and_its_slot_goes_on(
    stage: StageMaker, ray_of_two: None
) -> None:
    at = stage(
        trials=8, baselines=False, retrain=0, scheduler={"kind": "none"}, trial_timeout=4
    )  # fmt: skip
    history = run(at, slots=1, faults={"t0002": "hang"}).history
    hung = history.trials["t0002"]
    assert hung.status is Status.FAILED
    assert hung.reason.startswith("timeout: search.trial_timeout")
    assert hung.retries == []
    assert "trivial.py" in hung.log
    assert history.counted == 8
    assert history.failures() == {"timeout": 1}
