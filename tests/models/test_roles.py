import pytest
import torch
import transformers
from torch import nn

from autopeft.core.errors import InvalidConfiguration
from autopeft.models import pretrain_tiny
from autopeft.models.roles import ROLE_MAPS, norms, resolve, subblock_outputs, towers

SMALL = {"hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 2}
WAV2VEC2 = SMALL | {
    "intermediate_size": 16,
    "conv_dim": (8,),
    "conv_kernel": (4,),
    "conv_stride": (2,),
    "num_feat_extract_layers": 1,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}
WHISPER = {
    "d_model": 12,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "vocab_size": 50,
    "num_mel_bins": 8,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "decoder_start_token_id": 0,
}
MODELS = {
    "clap": lambda: pretrain_tiny.build_model(46),
    "audio-spectrogram-transformer": lambda: transformers.ASTForAudioClassification(
        transformers.ASTConfig(**SMALL, intermediate_size=16, max_length=32, num_mel_bins=16)
    ),
    "wav2vec2": lambda: transformers.Wav2Vec2ForCTC(
        transformers.Wav2Vec2Config(**WAV2VEC2, vocab_size=10)
    ),
    "hubert": lambda: transformers.HubertModel(transformers.HubertConfig(**WAV2VEC2)),
    "wavlm": lambda: transformers.WavLMModel(transformers.WavLMConfig(**WAV2VEC2)),
    "whisper": lambda: transformers.WhisperForConditionalGeneration(
        transformers.WhisperConfig(**WHISPER)
    ),
}


@pytest.fixture(scope="module")
def clap():
    return MODELS["clap"]()


def test_every_family_is_tried_here():
    assert set(MODELS) == set(ROLE_MAPS)


@pytest.mark.parametrize("family", ROLE_MAPS)
def test_every_role_finds_its_linears_and_norms(family):
    model = MODELS[family]()
    for tower, places in ROLE_MAPS[family].towers.items():
        ffn = resolve(model, f"{tower}.ffn")
        assert len(ffn) % 2 == 0
        assert all(isinstance(model.get_submodule(name), nn.Linear) for name in ffn)
        outputs = subblock_outputs(model, f"{tower}.ffn")
        assert ffn[1::2] == outputs
        found = norms(model, f"{tower}.all")
        assert len(found) == len(outputs) * (1 + len(places.attention))
        assert all(isinstance(model.get_submodule(name), nn.LayerNorm) for name in found)
        if not places.attention[0].dead:
            attention = resolve(model, f"{tower}.attention")
            assert len(attention) == 4 * len(outputs) * len(places.attention)
            assert set(resolve(model, f"{tower}.all")) == {*ffn, *attention}


def test_clap_resolves_to_explicit_names_in_the_models_order(clap):
    stem = "audio_model.audio_encoder.layers.1.blocks.1"
    assert resolve(clap, "audio.all+projection", "last") == (
        "text_projection.linear1",
        "text_projection.linear2",
        f"{stem}.attention.self.query",
        f"{stem}.attention.self.key",
        f"{stem}.attention.self.value",
        f"{stem}.attention.output.dense",
        f"{stem}.intermediate.dense",
        f"{stem}.output.dense",
        "audio_projection.linear1",
        "audio_projection.linear2",
    )


def test_the_order_of_a_sum_does_not_matter(clap):
    assert resolve(clap, "projection+audio.ffn") == resolve(clap, "audio.ffn+projection")


@pytest.mark.parametrize(("layers", "count"), [("all", 4), ("top_half", 2), ("top_quarter", 1)])
def test_spans_count_layers_through_the_stages(clap, layers, count):
    outputs = subblock_outputs(clap, "audio.ffn", layers)
    assert outputs == subblock_outputs(clap, "audio.ffn")[-count:]


def test_spans_round_up():
    whisper = MODELS["whisper"]()
    assert len(subblock_outputs(whisper, "audio.ffn", "top_half")) == 2  # of three
    assert len(subblock_outputs(whisper, "audio.ffn", "top_quarter")) == 1


def test_layer_ten_comes_after_layer_nine():
    config = transformers.HubertConfig(**WAV2VEC2 | {"num_hidden_layers": 11})
    (last,) = subblock_outputs(transformers.HubertModel(config), "audio.ffn", "last")
    assert last.startswith("encoder.layers.10.")


@pytest.mark.parametrize("roles", ["audio.attention", "audio.all"])
def test_wavlm_attention_is_refused_with_its_reason(roles):
    with pytest.raises(InvalidConfiguration, match=r"PR #48773\); write audio\.ffn"):
        resolve(MODELS["wavlm"](), roles)


def test_an_adapter_on_every_role_learns(clap):
    names = resolve(clap, "audio.all+text.all+projection")
    features, tokens = torch.randn(2, 1, 126, 32), torch.tensor([[0, 5, 2], [0, 6, 2]])
    clap(input_ids=tokens, input_features=features).logits_per_audio.square().sum().backward()
    assert all(clap.get_submodule(name).weight.grad.abs().sum() > 0 for name in names)


def test_towers_say_what_is_touched():
    assert towers("audio.ffn") == {"audio"}
    assert towers("audio.ffn+text.all+projection") == {"audio", "text", "projection"}


@pytest.mark.parametrize(
    ("family", "roles", "layers", "sentence"),
    [
        ("clap", "audio.atention", "all", "did you mean 'audio.attention'"),
        ("clap", "audio.all", "first", "'first' is none of all, top_half"),
        ("hubert", "projection", "all", "has no 'projection'; it has audio.attention"),
        ("hubert", "text.ffn", "all", "has no 'text.ffn'"),
    ],
)
def test_what_is_not_there_is_refused(family, roles, layers, sentence):
    with pytest.raises(InvalidConfiguration, match=sentence):
        resolve(MODELS[family](), roles, layers)


def test_the_projection_has_no_norms(clap):
    with pytest.raises(InvalidConfiguration, match="names no LayerNorm"):
        norms(clap, "projection")
