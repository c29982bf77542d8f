"""Short trials on every slot, under a searcher that never waits and one that does at a barrier.

Prints for each sweep, as JSON, when each trial was handed out, when its worker had built it, when
it ended, and which process ran it; all of it from the journal.
"""

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

from autopeft.benchmarks.slots import SLOTS
from autopeft.core.places import write_json
from autopeft.searchers import Done, Outcome, Proposal, Searcher, Wait
from autopeft.spec.load import load_sweep
from autopeft.spec.space import Cube
from autopeft.spec.sweep import Sweep
from autopeft.sweep.conductor import Conductor
from autopeft.sweep.ray_session import ray_session
from autopeft.tracking.journal import Journal
from autopeft.tracking.run_folder import RunFolder, create_run


class Barrier:
    """Proposes ``width`` points, then waits until all of them have ended."""

    def __init__(self, inner: Searcher, *, width: int) -> None:
        self._inner, self._width = inner, width
        self._asked = self._told = 0

    def ask(self) -> Proposal | Wait | Done:
        """Return the next point of this round, or that the round is not over."""
        if self._asked == self._width:
            if self._told < self._width:
                return Wait()
            self._asked = self._told = 0
        self._asked += 1
        return self._inner.ask()

    def tell(self, number: int, outcome: Outcome) -> None:
        """Take an outcome; the last of a round opens the next."""
        self._told += 1
        self._inner.tell(number, outcome)

    def state(self) -> dict[str, Any]:
        """Return the state of the searcher behind; no sweep of a benchmark is resumed."""
        return self._inner.state()

    def adopt(self, number: int, cube: Cube) -> None:
        """Let the searcher behind take it."""
        self._inner.adopt(number, cube)

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state of the searcher behind."""
        self._inner.load(state)


def main() -> None:
    """Run a sweep for each length and both searchers; the last line printed is the answer."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.benchmarks.busy_side")
    parser.add_argument("spec", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--milliseconds", type=int, nargs="+", required=True)
    asked = parser.parse_args()
    sweep = load_sweep(asked.spec)
    cpus = sweep.settings.resources.cpus
    answers = []
    with ray_session(RunFolder(asked.folder), cpus=cpus, gpus=0, max_concurrent=SLOTS):
        for length, barrier in itertools.product(asked.milliseconds, (False, True)):
            run = create_run(sweep, asked.folder / "runs")
            write_json(run.path / "faults.json", {"all": f"{length}ms"})
            trials = _run(run, sweep, barrier=barrier)
            answers.append({"milliseconds": length, "barrier": barrier, "trials": trials})
    print(json.dumps(answers))


def _run(run: RunFolder, sweep: Sweep, *, barrier: bool) -> list[dict[str, Any]]:
    from autopeft.sweep.trivial import TrivialTrainable
    from autopeft.sweep.tune_run import run_tune

    journal = Journal(run.journal)
    conductor = Conductor(sweep, journal)
    if barrier:
        conductor.state.searcher = Barrier(conductor.state.searcher, width=SLOTS)
    run_tune(conductor, run, slots=SLOTS, trainable=TrivialTrainable)
    journal.close()
    return [
        {"asked": trial.asked, "built": trial.built, "ended": trial.ended,
         "process": trial.details["process"]}
        for trial in run.trials()
    ]  # fmt: skip


if __name__ == "__main__":
    main()
