import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel
from torch import nn
from torch.testing import assert_close
from transformers import WavLMConfig, WavLMModel

from autopeft.core.errors import DeadAdapter, InvalidConfiguration
from autopeft.methods import METHODS, count_trainable, load_adapter
from autopeft.methods.adapt import adapt
from autopeft.methods.guards import check_gradients, hold_batch_norm, release_batch_norm
from autopeft.methods.lora import LORA
from autopeft.spec.method import METHOD_RECORDS


def _wavlm():
    config = WavLMConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(16,),
        conv_stride=(5,),
        conv_kernel=(10,),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        mask_time_prob=0.0,
    )
    torch.manual_seed(0)
    return WavLMModel(config)


def _backward(model, names, record):
    config = LORA.config(names, record("lora", rank=2), 0)
    adapted = PeftModel(model, config)
    adapted(torch.randn(1, 800)).last_hidden_state.sum().backward()
    return adapted


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`")
def test_wavlms_attention_adapters_are_found_dead(record):
    model = _backward(_wavlm(), ("encoder.layers.0.attention.v_proj",), record)
    with pytest.raises(DeadAdapter, match=r"attention\.v_proj") as caught:
        check_gradients(model)
    assert len(caught.value.modules) == 2


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`")
def test_living_adapters_pass(record):
    name = "encoder.layers.0.feed_forward.output_dense"
    check_gradients(_backward(_wavlm(), (name,), record))


def test_full_fine_tuning_may_leave_a_scale_of_the_base_without_gradient(base, record, batch):
    adapted = adapt(base, record("full"), seed=0)
    with pytest.raises(DeadAdapter):
        check_gradients(adapted.model)
    adapted.model(**batch).logits_per_audio.sum().backward()
    assert adapted.model.logit_scale_t.grad is None
    check_gradients(adapted.model)


@pytest.mark.parametrize("kind", ["lora", "full", "houlsby"])
def test_batch_norm_stays_in_eval_while_training(base, record, train, logits, kind, tmp_path):
    adapted = adapt(base, record(kind), seed=0)
    norm = adapted.model.audio_model.audio_encoder.batch_norm
    mean = norm.running_mean.clone()
    train(adapted)
    adapted.model.train()
    assert adapted.model.training
    assert not norm.training
    assert torch.equal(norm.running_mean, mean)


def test_without_the_guard_batch_norm_would_move(base, batch):
    norm = base.audio_model.audio_encoder.batch_norm
    mean = norm.running_mean.clone()
    hold_batch_norm(base)
    release_batch_norm(base)
    base.train()(**batch)
    assert not torch.equal(norm.running_mean, mean)


def test_a_copy_of_a_held_batch_norm_is_held_too(base, record):
    adapted = adapt(base, record("lora"), seed=0)
    norm = adapted.merged().audio_model.audio_encoder.batch_norm
    assert norm.train().training
    assert not adapted.model.audio_model.audio_encoder.batch_norm.training


def test_a_loaded_adapter_holds_its_batch_norm(base, shipped, record, tmp_path):
    adapt(base, record("lora"), seed=0).save(tmp_path)
    adapted = adapt(base, record("zero-shot"), seed=0)
    loaded = load_adapter(adapted.unload(), tmp_path).train()
    assert not loaded.audio_model.audio_encoder.batch_norm.training


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora", "pissa", "loha", "lokr"])
def test_a_rank_above_a_width_is_refused(base, record, kind):
    method = record(kind, rank=64)
    match = r"rank 64 is above the width 48 of module audio_model\.\S+; at most 48"
    with pytest.raises(InvalidConfiguration, match=match):
        adapt(base, method, seed=0)
    with pytest.raises(InvalidConfiguration, match=match):
        count_trainable(base, method)
    count_trainable(base, record(kind, rank=48))


def test_peft_would_clip_pissas_rank_without_a_word(base, record, monkeypatch):
    monkeypatch.setattr("autopeft.methods.lora.check_rank", lambda *_, **__: None)
    adapted = adapt(base, record("pissa", rank=64), seed=0)
    shapes = [next(iter(f["shapes"].values())) for f in adapted.effective["modules"].values()]
    assert min(shape[0] for shape in shapes) == 48


def test_an_oft_block_that_does_not_divide_is_refused(base, record):
    match = r"block_size 10 does not divide the width 48 .* these do: 2, 3, 4, 6, 8, 12, 16, 24, 48"
    with pytest.raises(InvalidConfiguration, match=match):
        adapt(base, record("oft", block_size=10), seed=0)


def test_peft_would_change_an_oft_block_with_only_a_warning(base, record, monkeypatch):
    monkeypatch.setattr("autopeft.methods.oft._check_block", lambda *_, **__: None)
    with pytest.warns(UserWarning, match="Adjusted `oft_block_size`"):
        adapt(base, record("oft", block_size=10), seed=0)


def test_an_oft_block_of_one_would_train_nothing(base, record):
    with pytest.raises(InvalidConfiguration, match="at least 2"):
        adapt(base, record("oft", block_size=1), seed=0)


def test_a_miss_shard_above_the_input_is_refused(base, record):
    with pytest.raises(InvalidConfiguration, match="rank 64 is above the input width 48"):
        adapt(base, record("miss", rank=64), seed=0)


def test_a_vera_rank_may_be_above_every_width(base, record):
    assert adapt(base, record("vera", rank=256), seed=0).trainable_parameters > 0


def test_a_lokr_factor_that_peft_would_change_is_refused(base, record):
    with pytest.raises(InvalidConfiguration, match="7 does not divide both widths 48 and 48"):
        adapt(base, record("lokr", decompose_factor=7), seed=0)


@pytest.mark.parametrize("kind", ["houlsby", "pfeiffer", "parallel"])
def test_a_bottleneck_wider_than_its_layer_is_refused(base, record, kind):
    with pytest.raises(InvalidConfiguration, match="width 64 is above the width 48"):
        adapt(base, record(kind, width=64), seed=0)


@pytest.mark.parametrize("kind", METHODS)
def test_off_stands_only_in_parts(base, kind):
    sizes = {"rank", "width", "block_size"} & METHOD_RECORDS[kind].model_fields.keys()
    for size in sizes:
        with pytest.raises(InvalidConfiguration, match=f"{size} 0 means off"):
            adapt(base, METHOD_RECORDS[kind](**{size: 0}), seed=0)


@settings(max_examples=25)
@given(
    kind=st.sampled_from(["lora", "dora", "loha", "lokr", "miss", "vera", "oft"]),
    widths=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    size=st.integers(1, 40),
)
def test_predicted_parameters_hold_for_any_widths(kind, widths, size):
    """Whatever is not refused is built as predicted: PEFT changes no size behind our back."""
    layer = METHODS.load(kind)
    field = "block_size" if kind == "oft" else "rank"
    method = METHOD_RECORDS[kind](**{field: size})
    model = nn.Sequential(nn.Linear(*widths))
    try:
        predicted = layer.per_module("0", model[0], method)
    except InvalidConfiguration:
        return
    adapted = PeftModel(model, layer.config(("0",), method, 0))
    assert predicted == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    x = torch.randn(3, widths[0])
    with adapted.disable_adapter():
        expected = adapted(x)
    assert_close(adapted(x), expected, atol=1e-5, rtol=1e-5)
