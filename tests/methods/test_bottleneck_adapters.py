import json

import pytest
import torch
from peft import PeftConfig, PeftModel, PeftType
from torch import nn
from torch.testing import assert_close

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods.adapt import adapt
from autopeft.methods.bottleneck_adapters import BottleneckConfig, BottleneckLayer
from autopeft.models.roles import subblock_outputs


def _layer(**fields):
    torch.manual_seed(0)
    linear = nn.Linear(6, 4)
    layer = BottleneckLayer(linear, "default", BottleneckConfig(width=3, **fields))
    for parameter in layer.bottleneck_up.parameters():
        nn.init.normal_(parameter)
    return linear, layer.eval()


def test_peft_knows_our_type_after_the_import():
    """Pinned: ``register_peft_method`` accepts only members of the enum (peft 0.21.2)."""
    assert PeftType("AUTOPEFT_BOTTLENECK") is PeftType.AUTOPEFT_BOTTLENECK


@pytest.mark.parametrize(("parallel", "of_input"), [(False, False), (True, True)])
def test_the_formula(parallel, of_input):
    linear, layer = _layer(parallel=parallel, scaling=0.5, activation="tanh")
    x = torch.randn(2, 6)
    y = linear(x)
    down, up = layer.bottleneck_down["default"], layer.bottleneck_up["default"]
    assert_close(layer(x), y + 0.5 * up(torch.tanh(down(x if of_input else y))))


def test_parallel_and_serial_on_one_layer_are_applied_in_that_order():
    linear, layer = _layer()
    layer.update_layer("beside", BottleneckConfig(width=2, parallel=True))
    for parameter in layer.bottleneck_up.parameters():
        nn.init.normal_(parameter)
    layer.set_adapter(["default", "beside"])
    x = torch.randn(2, 6)
    y = linear(x) + layer._adapter("beside", x)
    assert_close(layer(x), y + layer._adapter("default", y))


def test_a_disabled_adapter_is_not_there(base, record, logits, train):
    untouched = logits(base)
    adapted = adapt(base, record("houlsby"), seed=0)
    train(adapted)
    with adapted.model.disable_adapter():
        assert_close(logits(adapted.model), untouched)


def test_houlsby_follows_attention_and_feed_forward(base, record):
    expected = subblock_outputs(base, "audio.all", "all")
    modules = adapt(base, record("houlsby", roles="audio.all"), seed=0).effective["modules"]
    assert {*modules} == {*expected}


def test_pfeiffer_follows_the_feed_forward_only(base, record):
    expected = subblock_outputs(base, "audio.ffn", "all")
    modules = adapt(base, record("pfeiffer", roles="audio.all"), seed=0).effective["modules"]
    assert {*modules} == {*expected}


def test_pfeiffer_on_attention_says_what_to_write(base, record):
    with pytest.raises(InvalidConfiguration, match=r"write audio\.ffn, or kind: houlsby"):
        adapt(base, record("pfeiffer", roles="audio.attention"), seed=0)


def test_the_configuration_survives_its_file(base, record, tmp_path):
    method = record("parallel", width=5, activation="gelu", scaling=2.0, dropout=0.1)
    adapt(base, method, seed=0).save(tmp_path)
    config = PeftConfig.from_pretrained(tmp_path)
    assert isinstance(config, BottleneckConfig)
    assert (config.width, config.activation, config.scaling) == (5, "gelu", 2.0)
    assert (config.dropout, config.parallel) == (0.1, True)
    written = json.loads((tmp_path / "adapter_config.json").read_text())
    assert written["peft_type"] == "AUTOPEFT_BOTTLENECK"


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`")
def test_two_adapters_in_one_peft_model_can_be_switched(base, record, logits, train, tmp_path):
    trained = []
    for number, width in enumerate((4, 8)):
        adapted = adapt(base, record("houlsby", width=width), seed=number)
        train(adapted)
        trained.append(logits(adapted.model))
        adapted.save(tmp_path / str(number))
        adapted.unload()
    model = PeftModel.from_pretrained(base, tmp_path / "0", adapter_name="narrow")
    model.load_adapter(tmp_path / "1", adapter_name="wide")
    assert_close(logits(model.eval()), trained[0])
    model.set_adapter("wide")
    assert_close(logits(model.eval()), trained[1])


def test_half_precision_in_gives_half_precision_out():
    _, layer = _layer()
    layer.base_layer.to(torch.bfloat16)
    assert layer(torch.randn(2, 6).bfloat16()).dtype is torch.bfloat16
