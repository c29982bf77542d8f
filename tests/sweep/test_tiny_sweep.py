from pathlib import Path

from autopeft.spec.load import load_sweep
from autopeft.sweep.tiny_sweep import SPEC, TinySweep
from autopeft.tracking.events import Status
from autopeft.tracking.history import History
from autopeft.tracking.journal import read_journal


def test_the_teaching_twin_searches_trains_and_journals(tmp_path: Path) -> None:
    training = {"steps": 20, "batch_size": 8, "warmup_steps": 1, "report_every": 10}
    search = {"trials": 3, "scheduler": {"kind": "asha", "grace_steps": 10}}
    sweep = load_sweep({**SPEC, "training": training, "search": search})
    tiny = TinySweep(sweep, tmp_path)
    tiny.run()
    assert tiny.history.counted == 3
    assert tiny.history.is_over
    best = tiny.history.best
    assert best is not None
    assert best.metrics["accuracy"] > 3 / 28, "far above chance"
    assert {t.status for t in tiny.history.trials.values()} <= {Status.FINISHED, Status.STOPPED}
    again = History(sweep.settings.search, read_journal(tmp_path / "journal.jsonl"))
    assert again.trials == tiny.history.trials
