"""A sweep whose trials share one GPU, through the command line as a user types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autopeft import open_run
from autopeft.spec.trial import TrialSpec
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.run_folder import RunFolder
from autopeft.trial.fine_tuning import FineTuningRunner
from autopeft.trial.run import run_trial

pytestmark = [pytest.mark.gpu, pytest.mark.xdist_group("gpu")]

SPEC = """
name: shared-gpu
task: {kind: contrastive, data: {kind: procedural, clips: 112, source_clips: 28}}
method: {kind: lora, learning_rate: search}
training: {steps: 20, batch_size: {one_of: [8, 16, 96, 112]}}
search:
  searcher: {kind: tpe, startup_trials: 8}
  trials: 24
  retrain: 1
  objectives: {accuracy: max}
  constraints: {gpu_memory_mb: {at_most: MOST}}
resources: {cpus: 1, gpus: 0.25}
"""


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Memory in MB that a batch of 16 keeps to and one of 96 does not."""
    runner = FineTuningRunner(tmp_path_factory.mktemp("cache"), gpus=1)
    peaks = []
    for size in (16, 96):
        spec = TrialSpec.model_validate(
            {
                "task": {
                    "kind": "contrastive",
                    "data": {"kind": "procedural", "clips": 112, "source_clips": 28},
                },
                "method": {"kind": "lora"},
                "training": {"steps": 3, "warmup_steps": 1, "batch_size": size},
            }
        )
        peaks.append(run_trial(spec, runner=runner).metrics["gpu_memory_mb"])
    assert peaks[1] > 1.2 * peaks[0]
    return sum(peaks) / 2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, between: float) -> RunFolder:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "search.yaml").write_text(SPEC.replace("MOST", str(between)))
    done = autopeft("run", "search.yaml", folder=folder)
    assert done.returncode == 0, done.stderr
    (found,) = (folder / "runs").glob("shared-gpu-*")
    return open_run(found)


def autopeft(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "autopeft.cli.main", *words]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


def test_all_trials_end_and_tell_what_they_took(run: RunFolder) -> None:
    trials = [trial for trial in run.trials() if trial.kind is Kind.TRIAL]
    counted = [t for t in trials if t.status in (Status.FINISHED, Status.STOPPED)]
    assert len(counted) == 24
    assert all(trial.metrics["gpu_memory_mb"] > 0 for trial in counted)
    assert all(trial.metrics["system/gpu_0_memory_usage_megabytes"] > 0 for trial in counted)


def test_trials_ran_side_by_side_on_one_gpu(run: RunFolder) -> None:
    opened, most = set(), 0
    for line in (run.path / "journal.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "asked":
            opened.add(event["trial"])
        elif event["event"] == "ended":
            opened.discard(event["trial"])
        most = max(most, len(opened))
    assert most >= 2


def test_what_breaks_the_bound_on_memory_is_avoided_and_never_wins(
    run: RunFolder, between: float
) -> None:
    def fits(trial: object) -> bool:
        return trial.metrics.get("gpu_memory_mb", 0) <= between  # type: ignore[attr-defined]

    trials = [trial for trial in run.trials() if trial.kind is Kind.TRIAL]
    first, then = trials[:8], trials[8:]
    assert not all(map(fits, first))  # or there was nothing to learn
    assert sum(map(fits, then)) / len(then) > sum(map(fits, first)) / len(first)
    retrained = [trial for trial in run.trials() if trial.kind is Kind.RETRAIN]
    assert retrained
    assert all(map(fits, retrained))


def test_doctor_names_the_gpu(tmp_path: Path) -> None:
    assert torch.cuda.get_device_name() in autopeft("doctor", folder=tmp_path).stdout
