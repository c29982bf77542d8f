"""One side of the driver benchmark, alone in its process; prints when each trial ended, as JSON.

All sides start Ray in the same way and have the same slots; only what they do with it differs.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from ray import tune

from autopeft.spec.load import load_sweep
from autopeft.sweep.drive import drive
from autopeft.sweep.ray_session import ray_session
from autopeft.tracking.events import AnyEvent, Ended
from autopeft.tracking.run_folder import RunFolder, create_run

SLOTS = 2
STOCK, TUNED, OURS = "stock", "tuned", "ours"
# What users are told to set when Tune is slow, and nothing else.
TUNED_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_MAX_PENDING_TRIALS_PG": str(SLOTS),
}


class PlainTrainable(tune.Trainable):
    """As many results as one of our trivial trials, from a formula, and nothing else."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take the configuration."""
        self._config, self._done = config, 0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next configuration."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Return a result; the last says that it is the last."""
        self._done += 1
        over = self._done >= self._config["results"]
        return {"accuracy": self._config["x"] * self._done, "done": over}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Nothing is asked to be kept."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing is asked to be kept."""


class EndClock(tune.Callback):
    """Notes when each trial ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_trial_complete(
        self, iteration: int, trials: list[Any], trial: Any, **info: Any
    ) -> None:
        """Note the time."""
        self.ends.append(time.time())


def ours(folder: Path, *, trials: int, reports: int) -> dict[str, Any]:
    """Run a sweep of trivial trials: journal on, MLflow on (sqlite), nothing but search trials."""
    ends: list[float] = []

    def note(event: AnyEvent) -> None:
        if isinstance(event, Ended):
            ends.append(time.time())

    run = create_run(load_sweep(our_spec(trials, reports=reports)), folder / "runs")
    drive(run, listeners=[note], trainable="autopeft.sweep.trivial:TrivialTrainable")
    return {"ends": ends, "closed": time.time()}


def our_spec(trials: int, *, reports: int) -> dict[str, Any]:
    """Return a sweep of random search whose trials report so many times."""
    search: dict[str, Any] = {"searcher": {"kind": "random"}, "scheduler": {"kind": "none"}}
    return {
        "name": "trivial",
        "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
        "method": {"kind": "lora", "learning_rate": "search", "rank": "search"},
        "training": {"steps": 10 * reports, "report_every": 10, "warmup_steps": 1},
        "search": {**search, "trials": trials, "baselines": False, "retrain": 0},
        "resources": {"cpus": cpus_per_trial(), "max_concurrent": SLOTS},
    }


def cpus_per_trial() -> int:
    """Return so many CPUs that two trials fit on this machine, and not three."""
    return max(1, len(os.sched_getaffinity(0)) // SLOTS)


def theirs(folder: Path, *, trials: int, results: int, tuned: bool) -> dict[str, Any]:
    """Run as many trivial trials with Tune alone, random search; as it comes, or tuned."""
    run = RunFolder(folder)
    clock = EndClock()
    cpus = cpus_per_trial()
    with ray_session(run, cpus=cpus, gpus=0, max_concurrent=SLOTS):
        for name in [name for name in os.environ if name.startswith(("TUNE_", "RAY_AIR_"))]:
            del os.environ[name]  # our own settings for Tune
        if tuned:
            os.environ.update(TUNED_ENVIRONMENT)
        tune.Tuner(
            tune.with_resources(PlainTrainable, {"CPU": cpus}),
            param_space={"x": tune.uniform(0, 1), "results": results},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=tuned),
            run_config=tune.RunConfig(
                name="tune", storage_path=str(folder / "ray"), verbose=0, callbacks=[clock]
            ),
        ).fit()
        return {"ends": clock.ends, "closed": time.time()}


def main() -> None:
    """Run the side asked for; the last line printed is the answer."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.benchmarks.driver_side")
    parser.add_argument("side", choices=(STOCK, TUNED, OURS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--reports", type=int, required=True)
    asked = parser.parse_args()
    began = time.time()
    if asked.side == OURS:
        answer = ours(asked.folder, trials=asked.trials, reports=asked.reports)
    else:
        results = asked.reports + 1  # our trainable says first what it built
        answer = theirs(
            asked.folder, trials=asked.trials, results=results, tuned=asked.side == TUNED
        )
    print(json.dumps({"began": began, **answer}))


if __name__ == "__main__":
    main()
