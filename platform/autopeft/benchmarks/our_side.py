"""Our side of a benchmark: one sweep through ``drive``, as ``autopeft run`` does it.

Prints, as JSON, when the process began, when the first trial was asked for (every slot is warm
then), when each trial ended, and what it scored; and the folder of the run.
"""

import argparse
import json
import time
from pathlib import Path

from autopeft.spec.load import load_sweep
from autopeft.sweep.drive import drive
from autopeft.tracking.events import AnyEvent, Asked, Ended
from autopeft.tracking.run_folder import create_run


class Clock:
    """Listens to the journal."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.ends: list[float] = []

    def listen(self, event: AnyEvent) -> None:
        """Note the time of what begins and of what ends."""
        if isinstance(event, Asked):
            self.asked.append(time.time())
        elif isinstance(event, Ended):
            self.ends.append(time.time())


def main() -> None:
    """Run the sweep; the last line printed is the answer."""
    began = time.time()
    parser = argparse.ArgumentParser(prog="python -m autopeft.benchmarks.our_side")
    parser.add_argument("spec", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--trainable", required=True)
    asked = parser.parse_args()
    run = create_run(load_sweep(asked.spec), asked.runs)
    clock = Clock()
    drive(run, listeners=[clock.listen], trainable=asked.trainable)
    trials = run.history().trials.values()
    answer = {
        "run": str(run.path),
        "began": began,
        "first_asked": clock.asked[0],
        "ends": clock.ends,
        "closed": time.time(),
        "statuses": [trial.status.value for trial in trials],
        "steps": sum(trial.step for trial in trials),
        "accuracy": {trial.id: trial.metrics.get("accuracy") for trial in trials},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
