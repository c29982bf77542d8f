import pytest
import torch
from peft import PeftModel
from torch.testing import assert_close

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods import count_trainable, load_adapter
from autopeft.methods.adapt import adapt, traits
from autopeft.methods.effective import effective_hash
from autopeft.models.load import checksum

LORA = {"kind": "lora", "roles": "audio.attention", "rank": 2}
RSLORA = {"kind": "rslora", "roles": "audio.all", "rank": 2}
TEXT = {"kind": "lora", "roles": "text.all", "rank": 4}
LN = {"kind": "ln", "roles": "audio.all"}
HOULSBY = {"kind": "houlsby", "roles": "audio.all", "width": 4}
PARALLEL = {"kind": "parallel", "roles": "audio.ffn", "width": 4}
MISS = {"kind": "miss", "roles": "audio.ffn", "rank": 4}
PISSA = {"kind": "pissa", "roles": "audio.ffn", "rank": 2}
VERA = {"kind": "vera", "roles": "text.all", "rank": 16}

TOGETHER = {
    "disjoint": [LORA, MISS, VERA],
    "loras-share": [LORA, RSLORA, TEXT, LN],
    "bottlenecks-share": [HOULSBY, PARALLEL],
    "bottleneck-around-lora": [HOULSBY, RSLORA, {**PARALLEL, "activation": "gelu"}],
    "pissa-writes": [PISSA, LORA],
}


@pytest.mark.parametrize("name", TOGETHER)
def test_parts_train_save_load_merge_and_come_off(
    base, shipped, record, logits, train, tmp_path, name
):
    method = record("parts", parts=TOGETHER[name])
    untouched, predicted = logits(base), count_trainable(base, method)
    adapted = adapt(base, method, seed=0)
    assert adapted.trainable_parameters == predicted
    assert_close(logits(adapted.model), untouched, atol=1e-5, rtol=1e-5)
    before = adapted.state_dict()
    train(adapted)
    trained = logits(adapted.model)
    after = adapted.state_dict()
    assert not [key for key in before if torch.equal(before[key], after[key])]
    if adapted.traits.can_merge:
        assert_close(logits(adapted.merged()), trained, atol=1e-4, rtol=1e-4)
    adapted.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"part-{number}" for number in range(len(method.parts))
    }
    assert checksum(adapted.unload()) == checksum(shipped)
    assert_close(logits(load_adapter(base, tmp_path)), trained)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`")
def test_each_part_is_a_plain_peft_folder(base, shipped, record, logits, train, tmp_path):
    adapted = adapt(base, record("parts", parts=[HOULSBY, RSLORA]), seed=0)
    train(adapted)
    state = adapted.state_dict()
    adapted.save(tmp_path)
    adapted.unload()
    alone = PeftModel.from_pretrained(base, tmp_path / "part-1")
    found = {name: p for name, p in alone.named_parameters() if ".lora_" in name}
    expected = {name: t for name, t in state.items() if ".part-1." in name}
    assert len(found) == len(expected)
    for name, tensor in expected.items():
        plain = name.replace(".base_layer.", ".").replace("part-1", "default")
        assert torch.equal(found[f"base_model.model.{plain}"], tensor)


def test_each_part_has_its_own_rate(base, record):
    parts = [{**LORA, "learning_rate": 1e-3}, {**TEXT, "learning_rate": 5e-3}, LN]
    method = record("parts", parts=parts)
    adapted = adapt(base, method, seed=0)
    groups = adapted.parameter_groups()
    assert [group["lr"] for group in groups] == [1e-3, 5e-3, 1e-2]
    counted = [sum(p.numel() for p in group["params"]) for group in groups]
    assert sum(counted) == adapted.trainable_parameters
    adapted.unload()
    assert counted == [count_trainable(base, part) for part in method.parts]


@pytest.mark.parametrize("off", [{"rank": 0}, {"kind": "pfeiffer", "width": 0}])
def test_a_part_of_size_zero_is_off(base, record, off):
    parts = [{"kind": "lora", **off}, LORA, {"kind": "oft", "block_size": 0}]
    alone = count_trainable(base, record(**LORA))
    adapted = adapt(base, record("parts", parts=parts), seed=0)
    assert adapted.trainable_parameters == alone


def test_what_a_part_that_is_off_would_have_had_makes_no_other_configuration(base, record):
    hashes = set()
    for off in ({"learning_rate": 1e-3}, {"learning_rate": 2e-3, "dropout": 0.1}):
        parts = [{"kind": "lora", "rank": 0, **off}, LORA]
        adapted = adapt(base, record("parts", parts=parts), seed=0)
        hashes.add(effective_hash(adapted.effective, {}, 0))
        adapted.unload()
    assert len(hashes) == 1


def test_all_off_is_refused(base, record):
    method = record("parts", parts=[{"kind": "lora", "rank": 0}, {"kind": "houlsby", "width": 0}])
    for build in (lambda: adapt(base, method, seed=0), lambda: count_trainable(base, method)):
        with pytest.raises(InvalidConfiguration, match="every part is off"):
            build()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"kind": "dora"}, LORA),
        ({"kind": "lora"}, MISS),
        (PISSA, {"kind": "pissa"}),
        (LN, {"kind": "ln"}),
    ],
)
def test_parts_that_would_not_add_up_are_refused(base, shipped, record, one, other):
    method = record("parts", parts=[one, other])
    match = rf"{one['kind']} and {other['kind']} cannot share \d+ modules \(audio_model\."
    with pytest.raises(InvalidConfiguration, match=match):
        adapt(base, method, seed=0)
    assert checksum(base) == checksum(shipped)


def test_a_part_that_does_not_fit_is_refused_before_anything_is_attached(base, shipped, record):
    method = record("parts", parts=[TEXT, {**LORA, "rank": 512}])
    with pytest.raises(InvalidConfiguration, match="rank 512 is above the width 48"):
        adapt(base, method, seed=0)
    assert checksum(base) == checksum(shipped)


def test_traits_are_those_of_the_parts_together(record):
    both = traits(record("parts", parts=[LORA, PISSA]))
    assert (both.can_merge, both.writes_base) == (True, True)
    around = traits(record("parts", parts=[LORA, HOULSBY]))
    assert (around.can_merge, around.writes_base) == (False, False)
    assert around.plugin == "autopeft.methods.bottleneck_adapters"
