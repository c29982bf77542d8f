"""One trial in a fresh process, as a shell script over ``train.py`` would run it."""

import argparse
import json
from pathlib import Path

from autopeft.spec.trial import TrialSpec


def main() -> None:
    """Train and score the configuration; the last line printed is its accuracy."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.benchmarks.fresh_trial")
    parser.add_argument("spec", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cpus", type=int, required=True)
    parser.add_argument("--score-test", action="store_true")
    asked = parser.parse_args()
    from autopeft.trial import open_runner
    from autopeft.trial.run import run_trial

    spec = TrialSpec.model_validate_json(asked.spec.read_text())
    runner = open_runner(spec, cache=asked.cache, cpus=asked.cpus)
    last = run_trial(spec, runner=runner, folder=asked.folder, score_test=asked.score_test)
    print(json.dumps({"step": last.step, "accuracy": last.metrics["accuracy"]}))


if __name__ == "__main__":
    main()
