"""A run folder with a winner that was really trained, in seconds and without Ray.

No test module: the tests of ``export`` and ``predict`` load it by path.
"""

import shutil
from pathlib import Path
from typing import Any

from autopeft.spec.load import load_sweep
from autopeft.tracking.events import (
    Asked,
    Built,
    Ended,
    Kind,
    Planned,
    Reported,
    Status,
    SweepEnded,
    SweepStarted,
)
from autopeft.tracking.journal import Journal
from autopeft.tracking.run_folder import RunFolder, create_run
from autopeft.trial.session import TrialSession
from autopeft.trial.worker import Worker


def train_run(folder: Path, method: dict[str, Any], *, prompt: str = "{caption}") -> RunFolder:
    """Write ``folder/runs/tiny-…`` in which trial t0000 was retrained with two seeds and won."""
    data = {"kind": "procedural", "clips": 112, "source_clips": 28}
    raw = {
        "name": "tiny",
        "task": {"kind": "contrastive", "data": data, "prompt": prompt},
        "method": method,
        "training": {"steps": 3, "warmup_steps": 1, "batch_size": 8, "report_every": 3},
        "search": {"trials": 1, "searcher": {"kind": "random"}, "scheduler": {"kind": "none"}},
    }
    sweep = load_sweep(raw)
    run = create_run(sweep, folder / "runs")
    worker = Worker(run.cache)
    journal = Journal(run.journal)
    write = journal.write
    write(SweepStarted(time=1, sweep=run.path.name, name="tiny", seed=0, versions={"torch": "2"}))
    write(Asked(time=2, trial="t0000", number=0, cube={}, values={}))
    write(Reported(time=3, trial="t0000", step=3, metrics={"accuracy": 0.3}, final=True))
    write(Ended(time=4, trial="t0000", status=Status.FINISHED))
    for index, seed in enumerate((11, 12)):
        name = f"r{index:04d}"
        write(Planned(time=5, trial=name, kind=Kind.RETRAIN, name=name, seed=seed, of="t0000"))
        session = TrialSession(
            sweep.trial({}, seed=seed), worker, folder=run.trial(name), score_test=True
        )
        building = session.building
        write(
            Built(
                time=6, trial=name, effective=building.effective,
                trainable_parameters=building.trainable_parameters,
                details=dict(building.details),
            )
        )  # fmt: skip
        report = session.advance()
        session.close()
        write(
            Reported(time=7, trial=name, step=report.step, metrics=dict(report.metrics), final=True)
        )
        write(Ended(time=8, trial=name, status=Status.FINISHED))
    write(SweepEnded(time=9, reason="1 trials done"))
    journal.close()
    winner = min(
        run.history().groups(Kind.RETRAIN)[0].runs,
        key=lambda trial: (-trial.metrics["accuracy"], trial.number),
    )
    shutil.copytree(run.trial(winner.id) / "adapter", run.best)
    return run
