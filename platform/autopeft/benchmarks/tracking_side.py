"""A driver that does nothing but report: what it waits for its journal and the tracker.

Prints, as JSON, the seconds spent in ``journal.write``, listeners included, and the longest one.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

from autopeft.benchmarks.driver import our_spec
from autopeft.spec.load import load_sweep
from autopeft.tracking.events import AnyEvent, Asked, Reported, SweepStarted
from autopeft.tracking.journal import Journal
from autopeft.tracking.mlflow_tracker import MlflowTracker
from autopeft.tracking.run_folder import create_run

TRIALS = 4
METRICS = 10  # as many as a trial of the demo reports


def main() -> None:
    """Report so many times, so many a second; the last line printed is the answer."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.benchmarks.tracking_side")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--uri", help="of the tracking server; without, the journal alone")
    parser.add_argument("--reports", type=int, required=True)
    parser.add_argument("--per-second", type=float, required=True)
    parser.add_argument("--patience", type=float, required=True, help="seconds, at the end")
    asked = parser.parse_args()
    tracking = {"enabled": asked.uri is not None, "uri": asked.uri}
    run = create_run(load_sweep({**our_spec(1, reports=1), "tracking": tracking}), asked.runs)
    journal = Journal(run.journal)
    tracker = None
    if asked.uri is not None:
        tracker = MlflowTracker(run, run.sweep(), warn=lambda sentence: None)
        journal.listen(tracker.listen)
    for event in opening():
        journal.write(event)
    stalls = play(journal, asked.reports, per_second=asked.per_second)
    arrived = tracker is not None and tracker.close(asked.patience)
    journal.close()
    print(json.dumps({"spent_s": sum(stalls), "longest_s": max(stalls), "arrived": arrived}))


def opening() -> Iterator[AnyEvent]:
    """Yield a sweep's first events."""
    yield SweepStarted(time=time.time(), sweep="s", name="reports", seed=0, versions={})
    for number in range(TRIALS):
        trial = f"t{number:04d}"
        yield Asked(time=time.time(), trial=trial, number=number, cube={}, values={})


def play(journal: Journal, reports: int, *, per_second: float) -> list[float]:
    """Write reports at a steady pace, as workers would send them; return what each one took."""
    stalls: list[float] = []
    begin = time.perf_counter()
    for index in range(reports):
        time.sleep(max(0.0, begin + index / per_second - time.perf_counter()))
        event = Reported(
            time=time.time(), trial=f"t{index % TRIALS:04d}", step=index // TRIALS + 1,
            metrics={f"metric_{number}": index / 7 for number in range(METRICS)},
        )  # fmt: skip
        before = time.perf_counter()
        journal.write(event)
        stalls.append(time.perf_counter() - before)
    return stalls


if __name__ == "__main__":
    main()
