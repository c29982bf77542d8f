"""What every task owes, run over the table: a task is tested by being listed."""

import numpy as np
import pytest
import torch
from torch.optim import AdamW

from autopeft.data import open_data
from autopeft.spec.data import ProceduralData
from autopeft.spec.task import ContrastiveTask
from autopeft.tasks import TASKS, open_task

SPECS = {"contrastive": ContrastiveTask(data=ProceduralData(clips=112, source_clips=28))}


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(params=list(TASKS))
def task(request, shipped, cache):
    return open_task(SPECS[request.param], shipped, cache_dir=cache)


def test_one_batch_is_overfitted(task, base):
    optimizer = AdamW(base.model.parameters(), lr=1e-3)
    batch = task.batch(0, batch_size=12, seed=0)
    for _ in range(30):
        loss = task.loss(base.model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.shape == ()
    assert task.loss(base.model, batch).item() < 0.05


def test_batches_are_pure_in_seed_and_step(task):
    first = task.batch(3, batch_size=10, seed=0)
    task.batch(7, batch_size=10, seed=0)
    again = task.batch(3, batch_size=10, seed=0)
    assert np.array_equal(first.clips, again.clips)
    assert torch.equal(first.mels_BCTM, again.mels_BCTM)
    assert torch.equal(first.captions_B, again.captions_B)
    assert not np.array_equal(first.clips, task.batch(3, batch_size=10, seed=1).clips)
    assert not np.array_equal(first.clips, task.batch(4, batch_size=10, seed=0).clips)


@pytest.mark.parametrize("batch_size", [7, 8, 56, 100])
def test_an_epoch_has_every_clip_once(task, batch_size):
    count = 56
    steps = -(-2 * count // batch_size)
    row = [task.batch(step, batch_size=batch_size, seed=5).clips for step in range(steps)]
    assert all(len(clips) == batch_size for clips in row)
    clips = np.concatenate(row)
    assert sorted(clips[:count]) == sorted(clips[count : 2 * count]) == list(range(count))
    assert not np.array_equal(clips[:count], clips[count : 2 * count])


def test_every_split_can_be_scored(task):
    assert task.splits == ("train", "validation", "test", "source")


@pytest.mark.parametrize("name", list(TASKS))
def test_splits_share_no_clip(name, shipped):
    data = open_data(SPECS[name].data, sample_rate_hz=shipped.sample_rate_hz)
    waves = [
        clips.read(place).tobytes()
        for clips in data.splits.values()
        for place in range(len(clips.names))
    ]
    assert len(set(waves)) == len(waves) == 140


def test_evaluation_is_repeatable_finite_and_leaves_every_mode_as_it_was(task, base):
    base.model.train()
    base.model.audio_model.audio_encoder.batch_norm.eval()
    modes = [module.training for module in base.model.modules()]
    before = [tensor.clone() for tensor in base.model.state_dict().values()]
    scores = {split: task.evaluate(base.model, split) for split in ("validation", "test", "source")}
    assert scores["validation"] == task.evaluate(base.model, "validation")
    assert scores["validation"] != scores["test"]
    assert all(np.isfinite(value) for row in scores.values() for value in row.values())
    assert [module.training for module in base.model.modules()] == modes
    after = base.model.state_dict().values()
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert not any(parameter.grad is not None for parameter in base.model.parameters())


def test_a_diverged_model_scores_nan_and_does_not_raise(task, base):
    base.model.audio_projection.linear1.weight.data.fill_(torch.nan)
    assert all(np.isnan(value) for value in task.evaluate(base.model, "validation").values())
