import subprocess
import sys

import pytest
import torch
from torch.testing import assert_close

from autopeft.core.errors import InputError
from autopeft.methods import effective_hash, load_adapter
from autopeft.methods.adapt import adapt
from autopeft.methods.peft_method import PeftMethod
from autopeft.models.load import checksum


def _hash(base, method, seed=0):
    adapted = adapt(base, method, seed=seed)
    found = effective_hash(adapted.effective, {}, seed)
    adapted.unload()
    return found


def test_reading_the_table_loads_no_torch():
    code = "import sys, autopeft.methods; assert not {'torch', 'peft'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_initial_weights_come_from_the_seed_alone(base, record):
    states = []
    for noise, seed in ((7, 0), (8, 0), (8, 1)):
        torch.manual_seed(noise)
        adapted = adapt(base, record("lora"), seed=seed)
        states.append(torch.cat([t.flatten() for t in adapted.state_dict().values()]))
        adapted.unload()
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[1], states[2])


def test_the_global_random_state_is_left_alone(base, record):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    adapt(base, record("dora"), seed=0)
    assert torch.equal(torch.rand(2), expected)


def test_other_ranks_are_other_models(base, record):
    assert _hash(base, record("lora", rank=4)) != _hash(base, record("lora", rank=8))


def test_another_seed_is_another_start(base, record):
    starts = []
    for seed in (0, 1):
        adapted = adapt(base, record("lora"), seed=seed)
        starts.append(adapted.effective["initialisation"])
        adapted.unload()
    assert starts[0] != starts[1]


def test_two_names_for_one_model_are_recognised(base, record):
    one = record("lora", roles="audio.all", rank=4, alpha_over_rank=2)
    roles = record("lora", roles="audio.ffn+audio.attention", rank=4, alpha_over_rank=2)
    scaled = record("rslora", rank=4, alpha_over_rank=1)  # 4 / sqrt(4) = 8 / 4
    assert _hash(base, one) == _hash(base, roles) == _hash(base, scaled)


def test_lokr_ranks_that_build_the_same_factors_are_recognised(base, record):
    assert _hash(base, record("lokr", rank=16)) == _hash(base, record("lokr", rank=32))
    assert _hash(base, record("lokr", rank=2)) != _hash(base, record("lokr", rank=32))


def test_what_was_built_is_told_by_the_bases_own_names(base, record):
    method = record("lora", roles="audio.ffn", layers="last", rank=4)
    modules = adapt(base, method, seed=0).effective["modules"]
    assert [*modules] == [
        "audio_model.audio_encoder.layers.1.blocks.1.intermediate.dense",
        "audio_model.audio_encoder.layers.1.blocks.1.output.dense",
    ]
    assert all(facts["rank"] == 4 and facts["scaling"] == 2 for facts in modules.values())


def test_a_checkpoint_brings_the_training_back(base, shipped, record, train, logits):
    adapted = adapt(base, record("dora"), seed=0)
    train(adapted)
    state, trained = adapted.state_dict(), logits(adapted.model)
    train(adapted, 1)
    adapted.load_state_dict(state)
    assert_close(logits(adapted.model), trained)
    with pytest.raises(ValueError, match="another adaptation"):
        adapted.load_state_dict({"lora_A": torch.ones(1)})


def test_a_base_is_warm_for_the_next_method(base, shipped, record, train, logits):
    for kind in ("lora", "houlsby", "head", "full", "ln", "pissa", "lora"):
        adapted = adapt(base, record(kind), seed=0)
        train(adapted, 1)
        assert adapted.unload() is base
        assert checksum(base) == checksum(shipped)


def test_what_fails_half_way_leaves_the_base_alone(base, shipped, record, monkeypatch):
    wrap = PeftMethod.wrap

    def fail_at_the_second(self, *args, adapter, **fields):
        if adapter == "part-1":
            raise MemoryError
        return wrap(self, *args, adapter=adapter, **fields)

    monkeypatch.setattr(PeftMethod, "wrap", fail_at_the_second)
    parts = [{"kind": "lora", "roles": "audio.ffn"}, {"kind": "ia3", "roles": "text.all"}]
    with pytest.raises(MemoryError):
        adapt(base, record("parts", parts=parts), seed=0)
    assert checksum(base) == checksum(shipped)
    assert all(parameter.requires_grad for parameter in base.parameters())


def test_a_folder_without_an_adapter_is_refused(base, tmp_path):
    with pytest.raises(InputError, match="no adapter here"):
        load_adapter(base, tmp_path)
    with pytest.raises(InputError, match="no adapter here"):
        load_adapter(base, tmp_path / "nowhere")


def test_a_saved_folder_holds_what_peft_reads_and_nothing_more(base, record, tmp_path):
    adapt(base, record("lora"), seed=0).save(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors"}


def test_the_other_entry_points_of_the_base_go_through_the_adapters(base, record, train, batch):
    features = {"input_features": batch["input_features"]}
    adapted = adapt(base, record("lora"), seed=0)
    with torch.no_grad():
        before = adapted.model.get_audio_features(**features).pooler_output
    train(adapted)
    with torch.no_grad():
        after = adapted.model.get_audio_features(**features).pooler_output
    assert not torch.allclose(before, after)
