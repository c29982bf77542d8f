import json
from functools import cache

import pytest
import torch
from transformers import ClapProcessor

from autopeft.data.procedural import CAPTIONS, make_clips
from autopeft.models.load import SHIPPED, SMALL_CLAP, TINY_CLAP, load_base
from autopeft.models.pretrain_tiny import TEMPLATES, embed_captions, extract, zero_shot_accuracy

COUNT = 420


@pytest.fixture(scope="module")
def base():
    return load_base(TINY_CLAP)


@pytest.fixture(scope="module")
def shipped_scores():
    return json.loads((SHIPPED[TINY_CLAP] / "scores.json").read_text())


@pytest.fixture(scope="module")
def fresh(base):
    """Features and captions of clips that nobody has seen, per domain."""

    @cache
    def make(domain):
        waves, captions = make_clips(COUNT, domain=domain, seed=99, stream="fresh")
        return extract(base.feature_extractor, waves), captions

    return make


def test_the_base_is_small(base, shipped_scores):
    count = sum(parameter.numel() for parameter in base.model.parameters())
    assert count == shipped_scores["parameters"]
    assert 295_000 < count < 315_000


@pytest.mark.parametrize(
    ("domain", "low", "high"), [("clean", 0.75, 1.0), ("workshop", 0.28, 0.42)]
)
def test_fresh_clips_confirm_the_scores_on_the_card(base, fresh, shipped_scores, domain, low, high):
    accuracy = zero_shot_accuracy(base.model, base.tokenizer, *fresh(domain))
    assert low <= accuracy <= high
    # Two samples of 420 and 1120 clips: four standard errors are at most 0.10.
    assert accuracy == pytest.approx(shipped_scores["zero_shot_accuracy"][domain], abs=0.1)


def test_the_larger_base_is_three_times_as_large_and_its_card_is_right(base, fresh, shipped_scores):
    larger = load_base(SMALL_CLAP)
    scores = json.loads((SHIPPED[SMALL_CLAP] / "scores.json").read_text())
    count = sum(parameter.numel() for parameter in larger.model.parameters())
    assert count == scores["parameters"]
    assert 2.8 < count / shipped_scores["parameters"] < 3.2
    accuracy = zero_shot_accuracy(larger.model, larger.tokenizer, *fresh("workshop"))
    assert accuracy == pytest.approx(scores["zero_shot_accuracy"]["workshop"], abs=0.1)
    assert larger.tokenizer.get_vocab() == base.tokenizer.get_vocab()


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_prompt_matters_little(base, fresh, template):
    features, captions = fresh("clean")
    assert (
        zero_shot_accuracy(base.model, base.tokenizer, features, captions, template=template) > 0.7
    )


def test_batch_norm_statistics_are_those_of_clean_sounds(base, fresh):
    features, _ = fresh("clean")
    norm = base.model.audio_model.audio_encoder.batch_norm
    torch.testing.assert_close(norm.running_mean, features.mean(dim=(0, 1, 2)), atol=1.5, rtol=0)
    torch.testing.assert_close(norm.running_var, features.var(dim=(0, 1, 2)), atol=0, rtol=0.15)


def test_the_vocabulary_knows_captions_prompts_and_languages(base):
    names = ("Italian", "English", "Spanish", "French", "Russian")
    languages = [f"a voice speaking {name}" for name in names]
    texts = [*CAPTIONS, *languages, "This is the sound of an alarm."]
    tokens = {token for row in base.tokenizer(texts)["input_ids"] for token in row}
    assert base.tokenizer.unk_token_id not in tokens
    assert base.tokenizer.unk_token_id in base.tokenizer("a zebra")["input_ids"]
    with torch.no_grad():
        embeddings = embed_captions(base.model, base.tokenizer, languages)
    likeness = embeddings @ embeddings.T - torch.eye(len(languages))
    assert likeness.max() < 0.995


def test_transformers_own_processor_loads_the_folder(base):
    processor = ClapProcessor.from_pretrained(SHIPPED[TINY_CLAP], local_files_only=True)
    waves, _ = make_clips(2, domain="clean", seed=0, stream="fresh")
    inputs = processor(
        text=list(CAPTIONS),
        audio=list(waves),
        sampling_rate=8000,
        padding=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        assert base.model(**inputs).logits_per_audio.shape == (2, len(CAPTIONS))


def test_short_clips_are_repeated_to_full_length(base):
    waves, _ = make_clips(1, domain="clean", seed=0, stream="fresh")
    assert extract(base.feature_extractor, waves[:, :1000]).shape == (1, 1, 126, 32)
