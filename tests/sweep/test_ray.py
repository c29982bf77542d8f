"""The conductor on a real Ray Tune, with trials that cost nothing."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from autopeft.searchers import Done, Outcome, Proposal, Wait
from autopeft.spec.load import load_sweep
from autopeft.sweep.conductor import Conductor
from autopeft.tracking.events import AnyEvent, Ended, Kind, Promoted, Status, SweepStarted
from autopeft.tracking.journal import Journal, read_journal
from autopeft.tracking.run_folder import create_run

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


@pytest.mark.slow
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


PROGRAM = """
import json, os, sys, time
x, out, seed = float(sys.argv[1]), sys.argv[2], int(sys.argv[3])
torch = 'libtorch' in open(f'/proc/{os.getppid()}/maps').read()
for step in range(1, 10):
    print(json.dumps({'step': step, 'loss': x + 1 / step, 'torch': torch + 0, 'pid': os.getpid()}))
    time.sleep(0.05)
if seed == 0 and x > 0.9:
    sys.exit('too far')
"""


@pytest.mark.slow
def test_programs_are_searched_stopped_early_and_repeated(tmp_path: Path, ray_of_two: None) -> None:
    from autopeft.sweep.trainable import WarmTrainable
    from autopeft.sweep.tune_run import run_tune

    (tmp_path / "program.py").write_text(PROGRAM)
    task = {
        "kind": "command",
        "command": [sys.executable, "-S", "program.py", "{x}", "{out}", "{seed}"],
        "folder": str(tmp_path),
        "parameters": {"x": {"low": 0, "high": 1}},
        "steps": 9,
    }
    search = {
        "trials": 16, "objectives": {"loss": "min"}, "retrain": 2, "retrain_seeds": 2,
        "scheduler": {"kind": "asha", "grace_steps": 2, "reduction": 2},
        "searcher": {"kind": "random"}, "first_points": [{"x": 0.95}],
    }  # fmt: skip
    spec = {"name": "programs", "task": task, "search": search, "tracking": {"enabled": False}}
    run = create_run(load_sweep(spec), tmp_path / "runs")
    journal = Journal(run.journal)
    first = SweepStarted(time=1.0, sweep="s", name="programs", seed=0, versions={})
    journal.write(first)
    left_running: list[int] = []

    def look(event: AnyEvent) -> None:
        """When a trial ends, those that ended two seconds or more before must be gone."""
        if isinstance(event, Ended):
            trials = conductor.history.trials.values()
            over = [t for t in trials if t.ended and t.ended < event.time - 5 and t.reports]
            left_running.extend(
                pid for t in over if psutil.pid_exists(pid := int(t.metrics["pid"]))
            )

    journal.listen(look)
    conductor = Conductor(run.sweep(), journal, events=[first])
    run_tune(conductor, run, slots=2, trainable=WarmTrainable)
    journal.close()
    history = conductor.history
    statuses = Counter(t.status for t in history.of_kind(Kind.TRIAL))
    assert history.is_over
    assert history.counted == 16
    assert statuses[Status.STOPPED] > 2
    assert statuses[Status.FINISHED] > 0
    assert history.failures().get("exit code 1", 0) == statuses[Status.FAILED]
    assert history.winner is not None
    assert [group.of for group in history.groups(Kind.RETRAIN)] == [
        t.id for t in history.ranked()[:2]
    ]
    assert {t.metrics["torch"] for t in history.trials.values() if t.reports} == {0.0}
    assert left_running == []
    pids = [int(t.metrics["pid"]) for t in history.trials.values() if t.reports]
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert history.trials["t0000"].reason in ("scheduler: early", "exit code 1: too far")


@pytest.mark.slow
def test_functions_are_searched_at_a_few_milliseconds_each(
    tmp_path: Path, ray_of_two: None
) -> None:
    """The figure is in docs/how-to/search-anything.md; here only that it is of that order."""
    from autopeft.sweep.trainable import WarmTrainable
    from autopeft.sweep.tune_run import run_tune

    task = {
        "kind": "function", "entry_point": "branin",
        "parameters": {"x": {"low": -5, "high": 10}, "y": {"low": 0, "high": 15}},
    }  # fmt: skip
    search = {"trials": 100, "searcher": {"kind": "nelder-mead"}}
    spec = {"name": "functions", "task": task, "search": search, "tracking": {"enabled": False}}
    run = create_run(load_sweep(spec), tmp_path / "runs")
    journal = Journal(run.journal)
    first = SweepStarted(time=1.0, sweep="s", name="functions", seed=0, versions={})
    journal.write(first)
    conductor = Conductor(run.sweep(), journal, events=[first])
    run_tune(conductor, run, slots=2, trainable=WarmTrainable)
    journal.close()
    trials = conductor.history.of_kind(Kind.TRIAL)
    assert conductor.history.counted == 100
    assert conductor.history.loss(conductor.history.ranked()[0].metrics) < 0.4
    ends = [trial.ended for trial in trials if trial.ended is not None]
    assert (max(ends) - min(ends)) / 100 < 0.5
    print(f"{(max(ends) - min(ends)) / 100 * 1000:.1f} ms per trial")
