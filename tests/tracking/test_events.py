import math
from pathlib import Path

from autopeft.tracking.events import EVENTS, Reported
from autopeft.tracking.journal import Journal, read_journal


def test_metrics_that_are_no_numbers_come_back_as_they_were(tmp_path: Path) -> None:
    metrics = {"loss": math.nan, "accuracy": 0.5, "worst": math.inf, "least": -math.inf}
    event = Reported(time=1.0, trial="t0000", step=10, metrics=metrics)
    assert repr(EVENTS.validate_json(EVENTS.dump_json(event))) == repr(event)
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(event)
    journal.close()
    assert [repr(read) for read in read_journal(journal.path)] == [repr(event)]
