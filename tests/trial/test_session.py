"""A real trial on the shipped base: resumed, it gives the numbers of the uninterrupted one."""

import math
import shutil
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from autopeft.core.errors import DeadAdapter
from autopeft.models.load import SHIPPED, TINY_CLAP
from autopeft.spec.trial import TrialSpec
from autopeft.tasks.contrastive import Contrastive
from autopeft.trial.base import Report
from autopeft.trial.failures import NotFinite, WorkerDoubtful
from autopeft.trial.fine_tuning import FineTuningRunner
from autopeft.trial.run import run_trial
from autopeft.trial.session import TrialSession
from autopeft.trial.worker import Worker


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> FineTuningRunner:
    return FineTuningRunner(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def worker(runner: FineTuningRunner) -> Worker:
    return runner.worker


def spec(**method: Any) -> TrialSpec:
    return TrialSpec.model_validate(
        {
            "task": {
                "kind": "contrastive",
                "data": {"kind": "procedural", "clips": 112, "source_clips": 28},
            },
            "method": {"kind": "lora", "learning_rate": 5e-3, "dropout": 0.1, **method},
            "training": {"steps": 9, "warmup_steps": 1, "batch_size": 8, "report_every": 3},
            "seed": 1,
        }
    )


def numbers(report: Report) -> dict[str, float]:
    """The metrics that do not measure the machine."""
    machine = ("seconds", "system/")
    return {k: v for k, v in report.metrics.items() if not any(word in k for word in machine)}


def test_a_resumed_trial_gives_the_numbers_of_the_uninterrupted_one(
    runner: FineTuningRunner, tmp_path: Path
) -> None:
    whole: list[Report] = []
    run_trial(spec(), runner=runner, report=lambda r: whole.append(r) or True)
    assert [r.step for r in whole] == [3, 6, 9]
    # Killed after the second report: a new session finds the checkpoint, and tells that report
    # again, since the driver may not have written it down.
    run_trial(spec(), runner=runner, folder=tmp_path, report=lambda r: r.step < 6)
    torch.manual_seed(12345)
    again: list[Report] = []
    run_trial(spec(), runner=runner, folder=tmp_path, report=lambda r: again.append(r) or True)
    assert [r.step for r in again] == [6, 9]
    assert [numbers(r) for r in again] == [numbers(r) for r in whole[1:]]
    for reports in (whole, again):  # of the trial so far
        spent = [r.metrics["cpu_seconds"] for r in reports]
        assert spent == sorted(set(spent))
    assert again[-1].final


def test_a_copy_goes_on_with_rate_and_decay_of_its_own(
    runner: FineTuningRunner, tmp_path: Path
) -> None:
    """A checkpoint of another trial, as a population based training leaves it here."""
    run_trial(spec(), runner=runner, folder=tmp_path, report=lambda r: r.step < 6)
    checkpoint = (tmp_path / "checkpoint.pt").read_bytes()
    ends = []
    for rate, decay in ((5e-3, 0.01), (5e-3, 5.0), (1e-3, 0.01)):
        (tmp_path / "checkpoint.pt").write_bytes(checkpoint)
        copy = spec(learning_rate=rate)
        training = copy.training.model_copy(update={"weight_decay": decay})
        copy = copy.model_copy(update={"training": training})
        ends.append(numbers(run_trial(copy, runner=runner, folder=tmp_path))["loss"])
    whole = numbers(run_trial(spec(), runner=runner))["loss"]
    assert ends[0] == whole
    assert len(set(ends)) == 3


def test_a_trial_leaves_its_worker_as_it_was(runner: FineTuningRunner, worker: Worker) -> None:
    first = run_trial(spec(), runner=runner)
    for kind in ("full", "head", "pissa", "houlsby"):
        method: dict[str, Any] = {"kind": kind, "learning_rate": 1e-2}
        other = spec().model_dump()
        other["method"] = method
        run_trial(TrialSpec.model_validate(other), runner=runner)
        assert worker.doubt == ""
    assert numbers(run_trial(spec(), runner=runner)) == numbers(first)


def test_the_search_does_not_score_test(runner: FineTuningRunner) -> None:
    seen = run_trial(spec(), runner=runner)
    assert not any(name.startswith("test_") for name in seen.metrics)
    scored = run_trial(spec(), runner=runner, score_test=True)
    assert "test_accuracy" in scored.metrics


def test_a_changed_base_makes_the_worker_doubtful(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    session = TrialSession(spec(), worker, folder=None)
    base = worker.base(spec()).model
    with torch.no_grad():
        next(iter(base.parameters())).add_(1)
    session.close()
    with pytest.raises(WorkerDoubtful, match="weights changed"):
        worker.base(spec())


def test_a_loss_that_is_no_number_ends_the_trial_before_it_is_reported(
    runner: FineTuningRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, losses, reports = Contrastive.loss, count(1), []
    monkeypatch.setattr(
        Contrastive,
        "loss",
        lambda *args: loss(*args) * (math.nan if next(losses) >= 5 else 1),
    )
    with pytest.raises(NotFinite, match=r"^loss is nan at step \d$"):
        run_trial(spec(), runner=runner, report=lambda r: reports.append(r.step) or True)
    assert reports == [3]


def test_an_adapter_that_would_learn_nothing_is_an_error(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = TrialSession(spec(), worker, folder=None)
    task = worker.task(spec())
    # A loss that touches no adapter: what WavLM's attention does to every adapter on it.
    monkeypatch.setattr(task, "loss", lambda model, batch: torch.ones(1, requires_grad=True).sum())
    with pytest.raises(DeadAdapter):
        session.advance()
    session.close()


def test_accumulated_micro_batches_are_one_step(runner: FineTuningRunner) -> None:
    values = spec().model_dump()
    values["training"] |= {"batch_size": 4, "accumulation": 2}
    last = run_trial(TrialSpec.model_validate(values), runner=runner)
    assert last.step == 9


def test_the_same_adapter_on_another_base_is_another_model(tmp_path: Path) -> None:
    """Same shapes, other weights: no trainable tensor tells them apart."""
    other = shutil.copytree(SHIPPED[TINY_CLAP], tmp_path / "other")
    tensors = load_file(other / "model.safetensors")
    tensors["logit_scale_a"] = tensors["logit_scale_a"] + 0.1
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})
    worker, found = Worker(tmp_path / "cache"), []
    for base in (TINY_CLAP, str(other), TINY_CLAP):
        asked = TrialSpec.model_validate({**spec().model_dump(), "model": {"base": base}})
        session = TrialSession(asked, worker, folder=None)
        found.append(session.building.effective)
        session.close()
    assert found[0] == found[2] != found[1]
