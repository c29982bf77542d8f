from copy import deepcopy

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy, normalize

from autopeft import metrics
from autopeft.data.procedural import CAPTIONS
from autopeft.methods.peft_method import between_libraries
from autopeft.spec.data import ProceduralData
from autopeft.spec.task import ContrastiveTask
from autopeft.tasks import contrastive, open_task
from autopeft.tasks.losses import info_nce
from autopeft.tasks.scoring import score_prompts

DATA = ProceduralData(clips=112, source_clips=28)
TEXT = ["text_model.encoder.layer.0.attention.self.query"]
AUDIO = ["audio_projection.linear1"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def opened(shipped, cache):
    def build(**fields):
        return open_task(ContrastiveTask(data=DATA, **fields), shipped, cache_dir=cache)

    return build


@pytest.fixture
def count_text(monkeypatch):
    """Count the times texts are encoded."""
    calls = []
    encode = contrastive.embed_text
    monkeypatch.setattr(contrastive, "embed_text", lambda *args: calls.append(1) or encode(*args))
    return calls


def lora(model, modules, *, identity=False, **fields):
    torch.manual_seed(0)
    config = LoraConfig(target_modules=modules, init_lora_weights=identity, **fields)
    with between_libraries():
        return get_peft_model(model, config)


def test_the_metrics_are_those_of_the_logits_the_model_itself_gives(opened, base):
    task = opened()
    scores = task.evaluate(base.model, "validation")
    assert set(scores) == {
        "accuracy", "accuracy_stderr", "loss",
        *(f"{way}_{name}" for way in ("audio_to_text", "text_to_audio")
          for name in ("recall_at_1", "recall_at_5", "recall_at_10", "map_at_10")),
    }  # fmt: skip
    inputs = task._features["validation"]
    tokens = base.tokenizer(list(CAPTIONS), padding=True, return_tensors="pt")
    with torch.no_grad():
        output = base.model(
            input_features=torch.from_numpy(inputs.mels_NCTM.copy()),
            is_longer=torch.from_numpy(inputs.is_longer_N[:, None]),
            **tokens,
        )
    logits = output.logits_per_audio.numpy()
    labels = task._labels["validation"]
    assert np.allclose(task.logits(base.model, "validation"), logits, atol=1e-4)
    assert scores["accuracy"] == metrics.accuracy(logits, labels)
    assert scores["audio_to_text_recall_at_1"] == pytest.approx(scores["accuracy"])
    assert scores["loss"] == pytest.approx(metrics.cross_entropy(logits, labels), rel=1e-4)
    # 28 clips, 28 captions, once each: the two ways are about equally hard.
    assert 0.2 < scores["text_to_audio_recall_at_1"] < 0.9
    assert scores["accuracy"] > 0.25


def test_source_is_scored_by_accuracy_and_may_be_absent(opened, shipped):
    scores = opened().evaluate(shipped.model, "source")
    assert list(scores) == ["source_accuracy"]
    assert scores["source_accuracy"] > 0.75
    without = ContrastiveTask(data=DATA.model_copy(update={"source_clips": 0}))
    assert open_task(without, shipped).evaluate(shipped.model, "source") == {}


def test_the_two_losses_add_up_by_their_weights(opened, base):
    def loss(bank, in_batch):
        task = opened(caption_bank_weight=bank, in_batch_weight=in_batch)
        return task.loss(base.model, task.batch(0, batch_size=20, seed=0))

    mixed = loss(0.5, 2.0)
    assert torch.allclose(mixed, 0.5 * loss(1, 0) + 2 * loss(0, 1), rtol=1e-5)


def test_the_bank_loss_is_cross_entropy_over_all_captions(opened, base):
    task = opened()
    batch = task.batch(0, batch_size=20, seed=0)
    tokens = base.tokenizer(list(CAPTIONS), padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = base.model(
            input_features=batch.mels_BCTM, is_longer=batch.is_longer_B1, **tokens
        ).logits_per_audio
        found = task.loss(base.model, batch)
    assert torch.allclose(found, cross_entropy(logits, batch.captions_B), rtol=1e-4)


def test_info_nce_of_different_captions_is_symmetric_cross_entropy(opened, base):
    task = opened(caption_bank_weight=0, in_batch_weight=1)
    batch = task.batch(0, batch_size=30, seed=0)
    _, once = np.unique(batch.captions_B.numpy(), return_index=True)
    batch = contrastive.Batch(
        batch.clips[once], batch.mels_BCTM[once], batch.is_longer_B1[once], batch.captions_B[once]
    )
    texts = [CAPTIONS[index] for index in batch.captions_B]
    tokens = base.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        output = base.model(
            input_features=batch.mels_BCTM, is_longer=batch.is_longer_B1, **tokens, return_loss=True
        )
        found = task.loss(base.model, batch)
    own = torch.arange(len(texts))
    text_asks = cross_entropy(output.logits_per_text, own)
    expected = (cross_entropy(output.logits_per_audio, own) + text_asks) / 2
    assert torch.allclose(found, expected, rtol=1e-4)
    # What transformers returns is another loss: it transposes logits_per_audio, so that both of
    # its terms ask from text to audio. If this fails, they have mended it.
    audio_asks_nothing = cross_entropy(output.logits_per_audio.T, own)
    assert torch.allclose(output.loss, (audio_asks_nothing + text_asks) / 2, rtol=1e-4)


def test_clips_of_an_equal_caption_do_not_push_each_other_away():
    torch.manual_seed(0)
    audio, text = normalize(torch.randn(4, 8), dim=-1), normalize(torch.randn(3, 8), dim=-1)
    captions = torch.tensor([0, 1, 2, 0])
    scale = torch.tensor(5.0)
    audio.requires_grad_()
    found = info_nce(audio, text[captions], captions, scale_a=scale, scale_t=scale)
    # By hand: what clip or caption i is compared with, itself first.
    rows = [[0, 1, 2], [1, 0, 2, 3], [2, 0, 1, 3], [3, 1, 2]]
    first = torch.tensor([0])
    texts = text[captions]
    audio_asks, text_asks = (
        torch.stack([
            cross_entropy(5 * (ones[row[0]] @ others[row].T)[None], first) for row in rows
        ]).mean()
        for ones, others in ((audio, texts), (texts, audio))
    )  # fmt: skip
    assert torch.allclose(found, (audio_asks + text_asks) / 2)
    found.backward()
    assert torch.isfinite(audio.grad).all()
    alone = info_nce(audio, text[[0] * 4], torch.zeros(4).long(), scale_a=scale, scale_t=scale)
    assert alone.item() == pytest.approx(0, abs=1e-6)


def test_the_prompt_wraps_every_caption(opened, base):
    plain, wrapped = opened(), opened(prompt="the sound of a {caption}")
    assert wrapped.captions == plain.captions == CAPTIONS
    assert not np.allclose(
        plain.logits(base.model, "test"), wrapped.logits(base.model, "test"), atol=1e-3
    )


def test_a_frozen_text_side_is_encoded_once_and_gives_the_same_loss_and_gradients(
    opened, base, count_text, monkeypatch
):
    results = []
    for cached in (True, False):
        if not cached:
            monkeypatch.setattr(contrastive, "text_is_frozen", lambda model: False)
        model, task = lora(deepcopy(base.model), AUDIO), opened(in_batch_weight=1)
        count_text.clear()
        losses = [task.loss(model, task.batch(i, batch_size=8, seed=0)) for i in range(3)]
        sum(losses).backward()
        results.append(
            (torch.stack(losses), [p.grad for p in model.parameters() if p.requires_grad])
        )
        assert len(count_text) == (1 if cached else 3)
    (losses, grads), (plain_losses, plain_grads) = results
    assert torch.equal(losses, plain_losses)
    assert all(torch.equal(one, other) for one, other in zip(grads, plain_grads, strict=True))


def test_a_trainable_text_side_is_encoded_each_time_and_learns(opened, base, count_text):
    model, task = lora(base.model, TEXT), opened()
    for step in range(2):
        task.loss(model, task.batch(step, batch_size=8, seed=0)).backward()
    assert len(count_text) == 2
    grads = [p.grad for p in model.parameters() if p.requires_grad]
    assert any(grad is not None and grad.abs().sum() > 0 for grad in grads)


def test_captions_cached_for_one_model_are_not_used_for_another(opened, base):
    task = opened()
    batch = task.batch(0, batch_size=8, seed=0)
    base.model.requires_grad_(False)
    first = task.loss(base.model, batch)
    other = deepcopy(base.model)
    with torch.no_grad():
        other.text_projection.linear1.weight += 0.1
    assert not torch.equal(task.loss(other, batch), first)
    with torch.no_grad():
        base.model.text_projection.linear1.weight += 0.1
    assert torch.equal(task.loss(base.model, batch), task.loss(other, batch))


def test_an_evaluation_sees_a_merged_adapter(opened, base):
    task = opened()
    before = task.logits(base.model, "test")
    adapted = lora(base.model, TEXT, lora_alpha=64)
    unmerged = task.logits(adapted, "test")
    with adapted.disable_adapter():
        assert np.array_equal(task.logits(adapted, "test"), before)
    merged = task.logits(adapted.merge_and_unload(), "test")
    assert not np.allclose(before, merged, atol=1e-2)
    assert np.allclose(unmerged, merged, atol=1e-3)


def test_an_adapted_model_is_evaluated_like_a_bare_one(opened, base):
    task = opened()
    expected = task.evaluate(base.model, "validation")
    adapted = lora(base.model, AUDIO, identity=True)
    assert task.evaluate(adapted, "validation") == expected


def test_prompts_are_scored_as_the_task_scores_captions(opened, base):
    task = opened()
    clips = contrastive.open_data(DATA, sample_rate_hz=8000).splits["test"]
    waves = [clips.read(place) for place in range(len(clips))]
    found = score_prompts(base.model, base, waves, CAPTIONS)
    logits = torch.from_numpy(task.logits(base.model, "test"))
    assert np.allclose(found, logits.softmax(1).numpy(), atol=1e-5)
    assert np.allclose(found.sum(1), 1)
    assert score_prompts(base.model, base, [], ["a", "b"]).shape == (0, 2)


def test_a_fusion_model_takes_short_and_long_clips(shipped, cache):
    """Hub bases such as laion/clap-htsat-fused fuse several views of a long clip."""
    from dataclasses import replace

    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    torch.manual_seed(0)
    config = shipped.model.config.to_dict()
    config["audio_config"] |= {"enable_fusion": True, "num_mel_bins": 64, "spec_size": 128}
    model = ClapModel(ClapConfig(**config)).eval()
    extractor = ClapFeatureExtractor(
        feature_size=64, sampling_rate=8000, hop_length=64, max_length_s=1, fft_window_size=256,
        frequency_max=4000, truncation="rand_trunc",
    )  # fmt: skip
    base = replace(shipped, model=model, feature_extractor=extractor)
    rng = np.random.default_rng(0)
    waves = [rng.uniform(-0.5, 0.5, size).astype(np.float32) for size in (8000, 20000, 5000)]
    together = score_prompts(model, base, waves, ["a siren", "a bell"])
    alone = [score_prompts(model, base, [wave], ["a siren", "a bell"])[0] for wave in waves]
    assert np.allclose(together, alone, atol=1e-5)
    assert np.isfinite(together).all()
