"""Trials on a real GPU (``make gpu``): what a CPU cannot show."""

from pathlib import Path
from typing import Any

import pytest
import torch

from autopeft.methods import METHODS
from autopeft.spec.trial import TrialSpec
from autopeft.trial.base import Report
from autopeft.trial.failures import reason_of
from autopeft.trial.fine_tuning import FineTuningRunner
from autopeft.trial.run import run_trial

pytestmark = [pytest.mark.gpu, pytest.mark.xdist_group("gpu")]
# Those that are whole with their kind alone.
KINDS = tuple(kind for kind in METHODS if kind not in ("parts", "zero-shot"))


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> FineTuningRunner:
    assert torch.cuda.is_available(), "these tests need a GPU that torch can use"
    return FineTuningRunner(tmp_path_factory.mktemp("cache"), gpus=1)


def spec(kind: str = "lora", **training: Any) -> TrialSpec:
    steps = {"steps": 9, "warmup_steps": 1, "batch_size": 8, "report_every": 3, **training}
    return TrialSpec.model_validate(
        {
            "task": {
                "kind": "contrastive",
                "data": {"kind": "procedural", "clips": 112, "source_clips": 28},
            },
            "method": {"kind": kind},
            "training": steps,
            "seed": 1,
        }
    )


def numbers(report: Report) -> dict[str, float]:
    """The metrics that do not measure the machine."""
    machine = ("seconds", "system/", "gpu_memory_mb")
    return {k: v for k, v in report.metrics.items() if not any(word in k for word in machine)}


# It alone trains what lies before HTSAT's resizing of the spectrogram, whose gradient torch 2.11
# sums in any order on a GPU (upsample_bicubic2d_backward; deterministic algorithms have none).
UP_TO_ROUNDING = ("full",)


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_trial_gives_the_numbers_of_the_uninterrupted_one(
    runner: FineTuningRunner, tmp_path: Path, kind: str
) -> None:
    whole: list[Report] = []
    run_trial(spec(kind), runner=runner, report=lambda r: whole.append(r) or True)
    run_trial(spec(kind), runner=runner, folder=tmp_path, report=lambda r: r.step < 6)
    torch.cuda.manual_seed(12345)
    again: list[Report] = []
    run_trial(spec(kind), runner=runner, folder=tmp_path, report=lambda r: again.append(r) or True)
    expected = [numbers(r) for r in whole[1:]]
    if kind in UP_TO_ROUNDING:
        expected = [pytest.approx(values, rel=1e-5) for values in expected]
    assert [numbers(r) for r in again] == expected
    assert runner.worker.doubt == ""  # the base on the GPU is as it was


@pytest.mark.parametrize("kind", KINDS)
def test_the_gpu_learns_what_the_cpu_learns(
    runner: FineTuningRunner, tmp_path: Path, kind: str
) -> None:
    """In float32, up to rounding; some steps in, so that a wrong device would have shown."""
    here = run_trial(spec(kind, precision="float32"), runner=runner)
    there = run_trial(spec(kind, precision="float32"), runner=FineTuningRunner(tmp_path))
    assert here.metrics["train_loss"] == pytest.approx(there.metrics["train_loss"], rel=0.01)


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "float16"])
def test_mixed_precision_learns_as_well(runner: FineTuningRunner, precision: str) -> None:
    full = run_trial(spec(steps=30, precision="float32"), runner=runner)
    mixed = run_trial(spec(steps=30, precision=precision), runner=runner)
    assert mixed.metrics["train_loss"] == pytest.approx(full.metrics["train_loss"], rel=0.1)


def test_memory_is_the_trials_own_not_an_earlier_ones(runner: FineTuningRunner) -> None:
    def memory(size: int) -> float:
        return run_trial(spec(batch_size=size, steps=3), runner=runner).metrics["gpu_memory_mb"]

    small, large, small_again = memory(4), memory(112), memory(4)
    assert large > 1.2 * small
    assert small_again == pytest.approx(small, rel=0.05)


def test_a_trial_that_does_not_fit_is_told_and_the_next_one_runs(
    runner: FineTuningRunner,
) -> None:
    first = run_trial(spec(), runner=runner)
    there = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 8e6) / there)
    try:
        with pytest.raises(torch.OutOfMemoryError) as caught:
            run_trial(spec("full", batch_size=112), runner=runner)
        assert reason_of(caught.value).startswith("out of memory: ")
        del caught
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert numbers(run_trial(spec(), runner=runner)) == numbers(first)


def test_a_worker_keeps_no_memory_from_others_on_the_gpu(runner: FineTuningRunner) -> None:
    run_trial(spec(batch_size=4, steps=3), runner=runner)
    before = torch.cuda.memory_reserved()
    del (large := [torch.empty(256 * 2**20, dtype=torch.uint8, device="cuda")])[:]
    assert not large
    assert torch.cuda.memory_reserved() >= before + 256 * 2**20
    runner.worker.check()
    assert torch.cuda.memory_reserved() <= before
