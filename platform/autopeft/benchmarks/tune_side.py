"""Ray Tune alone on trivial trials; prints when each ended, as JSON.

Ray is started by the same code as on our side; our settings for Tune are taken away again.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from ray import tune

from autopeft.benchmarks.slots import SLOTS, cpus_per_trial
from autopeft.sweep.ray_session import ray_session
from autopeft.tracking.run_folder import RunFolder

# What one sets when Tune is slow, besides `reuse_actors=True`.
TUNED_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_MAX_PENDING_TRIALS_PG": str(SLOTS),
}


class PlainTrainable(tune.Trainable):
    """Results from a formula, and nothing else."""

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
        """Nothing to keep."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing was kept."""


class EndClock(tune.Callback):
    """Notes when each trial ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Note the time."""
        self.ends.append(time.time())


def main() -> None:
    """Run the trials; the last line printed is the answer."""
    began = time.time()
    parser = argparse.ArgumentParser(prog="python -m autopeft.benchmarks.tune_side")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--results", type=int, required=True)
    parser.add_argument("--tuned", action="store_true")
    asked = parser.parse_args()
    ends = tune_alone(asked.folder, trials=asked.trials, results=asked.results, tuned=asked.tuned)
    print(json.dumps({"began": began, "ends": ends, "closed": time.time()}))


def tune_alone(folder: Path, *, trials: int, results: int, tuned: bool) -> list[float]:
    """Return when each of so many trials of random search ended (seconds since 1970)."""
    clock, cpus = EndClock(), cpus_per_trial()
    with ray_session(RunFolder(folder), cpus=cpus, gpus=0, max_concurrent=SLOTS):
        for name in [name for name in os.environ if name.startswith(("TUNE_", "RAY_AIR_"))]:
            del os.environ[name]
        os.environ.update(TUNED_ENVIRONMENT if tuned else {})
        tune.Tuner(
            tune.with_resources(PlainTrainable, {"CPU": cpus}),
            param_space={"x": tune.uniform(0, 1), "results": results},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=tuned),
            run_config=tune.RunConfig(
                name="tune", storage_path=str(folder / "ray"), verbose=0, callbacks=[clock]
            ),
        ).fit()
    return clock.ends


if __name__ == "__main__":
    main()
