"""The whole flow in a hundred lines, without Ray: ``python -m autopeft.sweep.tiny_sweep``.

A twin for reading, made of the real pieces. A searcher proposes a point of the unit cube, the space
turns it into values, the template into a trial; a warm worker trains it and reports; every report
is journalled before the scheduler learns of it; the outcome goes back to the searcher. What the
real sweep adds stands in its own files: many workers (``tune_run``), baselines, retrainings,
duplicates and retries (``conductor``), resuming (``drive``), MLflow and the page (``finish``).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autopeft.core.errors import InvalidConfiguration
from autopeft.schedulers import Decision, make_scheduler
from autopeft.searchers import Failed, Outcome, Proposal, Pruned, Value
from autopeft.spec.load import load_sweep
from autopeft.spec.space import Values
from autopeft.spec.sweep import Sweep
from autopeft.sweep.searching import searcher_of
from autopeft.tracking.events import Asked, Ended, Reported, Status, SweepEnded, SweepStarted
from autopeft.tracking.history import History
from autopeft.tracking.journal import Journal
from autopeft.trial import Report, open_runner
from autopeft.trial.failures import NotFinite
from autopeft.trial.run import run_trial

SPEC: dict[str, Any] = {
    "name": "tiny-sweep",
    "task": {"kind": "contrastive", "data": {"kind": "procedural", "clips": 280}},
    "method": {
        "any_of": [
            {"kind": "lora", "learning_rate": "search", "rank": "search"},
            {"kind": "ia3", "learning_rate": "search"},
        ]
    },
    "training": {"steps": 20, "batch_size": 20, "warmup_steps": 2, "report_every": 5},
    "search": {"trials": 6, "scheduler": {"kind": "asha", "grace_steps": 5}},
}


class TinySweep:
    """One search in this process, one trial at a time; ``history`` is what happened so far."""

    def __init__(self, sweep: Sweep, folder: Path) -> None:
        search = sweep.settings.search
        self.sweep, self.history = sweep, History(search)
        self.searcher = searcher_of(sweep)
        self.scheduler = make_scheduler(search.scheduler, steps=SPEC["training"]["steps"])
        self.runner = open_runner(sweep.any_trial, cache=folder / "cache")
        self.journal = Journal(folder / "journal.jsonl")
        self.journal.listen(self.history.apply)

    def run(self) -> None:
        """Ask, train, tell until enough trials count."""
        name, trials = self.sweep.name, self.sweep.settings.search.trials
        self.journal.write(
            SweepStarted(time=time.time(), sweep=name, name=name, seed=0, versions={})
        )
        while self.history.counted < trials:
            proposal = self.searcher.ask()
            assert isinstance(proposal, Proposal), "random and tpe always have a next point"
            trial, cube = f"t{proposal.number:04d}", dict(proposal.cube)
            values = self.sweep.space.decode(cube)
            self.journal.write(
                Asked(
                    time=time.time(), trial=trial, number=proposal.number, cube=cube, values=values
                )
            )
            status, reason = self._train(trial, values)
            self.journal.write(Ended(time=time.time(), trial=trial, status=status, reason=reason))
            self.searcher.tell(proposal.number, self._outcome(trial))
        self.journal.write(SweepEnded(time=time.time(), reason=f"{trials} trials done"))
        self.journal.close()

    def _train(self, trial: str, values: Values) -> tuple[Status, str]:
        """Train one configuration to its end, or until it is stopped or fails."""
        try:
            last = run_trial(
                self.sweep.trial(values),
                runner=self.runner,
                report=lambda report: self._goes_on(trial, report),
            )
        except InvalidConfiguration as error:
            return Status.REFUSED, f"invalid: {error}"
        except NotFinite as error:
            return Status.FAILED, f"nan: {error}"
        return (Status.FINISHED if last.final else Status.STOPPED), ""

    def _goes_on(self, trial: str, report: Report) -> bool:
        """Journal a report, then ask the scheduler."""
        step, metrics = report.step, dict(report.metrics)
        self.journal.write(
            Reported(time=time.time(), trial=trial, step=step, metrics=metrics, final=report.final)
        )
        loss = self.history.loss(metrics)
        return self.scheduler.on_report(trial, step, loss) is Decision.CONTINUE

    def _outcome(self, trial: str) -> Outcome:
        """Return what the searcher is told."""
        ended = self.history.trials[trial]
        values = self.history.values_of(ended.metrics)
        if values is None or ended.status not in (Status.FINISHED, Status.STOPPED):
            return Failed(ended.reason)
        return Value(values) if ended.status is Status.FINISHED else Pruned(values, ended.step)


def main(words: Sequence[str] | None = None) -> int:
    """Run the tiny sweep and print a line per trial, the best last."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.sweep.tiny_sweep")
    parser.add_argument("--folder", type=Path, help="keeps the journal; default: nothing is kept")
    folder = parser.parse_args(words).folder
    with tempfile.TemporaryDirectory(prefix="tiny-sweep-") as temporary:
        (folder or Path(temporary)).mkdir(parents=True, exist_ok=True)
        tiny = TinySweep(load_sweep(SPEC), folder or Path(temporary))
        tiny.run()
    history = tiny.history
    for trial in history.trials.values():
        accuracy = trial.metrics.get("accuracy", float("nan"))
        print(f"{trial.id}  {trial.status:9}  step {trial.step:3}  {accuracy:.3f}  {trial.values}")
    if history.best is None:
        return 1
    print(f"best: {history.best.id} at {history.best.metrics['accuracy']:.3f} on validation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
