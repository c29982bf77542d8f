"""What every method promises; a new entry of the table is tested by being listed."""

import json
import subprocess
import sys
from contextlib import suppress
from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from autopeft.core.errors import InvalidConfiguration
from autopeft.methods import METHODS, count_trainable, effective_hash, load_adapter
from autopeft.methods.adapt import adapt
from autopeft.models.load import SHIPPED, TINY_CLAP, checksum
from autopeft.spec.method import METHOD_RECORDS, Attached
from autopeft.spec.roles import ROLES

PARTS = {
    "parts": [
        {"kind": "lora", "roles": "audio.attention", "rank": 2, "learning_rate": 1e-3},
        {"kind": "pfeiffer", "width": 4, "learning_rate": 1e-2},
    ]
}
FIELDS = {"parts": PARTS}

# Plain peft first, then peft with the plugin, then what only autopeft loads; in that order, so
# that the first cannot have been helped.
FRESH_PROCESS = """
import copy, json, sys
import torch
from peft import PeftModel
from transformers import ClapModel
torch.set_num_threads(1)
task = json.load(open(sys.argv[1]))
batch = torch.load(task["batch"])
base = ClapModel.from_pretrained(task["base"])
found = {}
def keep(kind, model):
    with torch.no_grad():
        found[kind] = model.eval()(**batch).logits_per_audio
for kind, folder in task["plain"].items():
    keep(kind, PeftModel.from_pretrained(copy.deepcopy(base), folder))
assert not any(name.startswith("autopeft") for name in sys.modules)
import autopeft.methods.bottleneck_adapters
for kind, folder in task["plugin"].items():
    keep(kind, PeftModel.from_pretrained(copy.deepcopy(base), folder))
from autopeft.methods import load_adapter
for kind, folder in task["rest"].items():
    keep(kind, load_adapter(copy.deepcopy(base), folder))
torch.save(found, task["found"])
"""


@pytest.fixture(scope="module")
def trials(shipped, record, logits, train, tmp_path_factory):
    """Every method adapted, trained for three steps, saved and taken off, once."""
    untouched = logits(shipped)
    return {
        kind: _trial(
            deepcopy(shipped),
            record(kind, **FIELDS.get(kind, {})),
            logits=logits,
            train=train,
            untouched=untouched,
            folder=tmp_path_factory.mktemp(kind),
        )
        for kind in METHODS
    }


def _trial(model, method, *, logits, train, untouched, folder):
    own = {id(parameter) for parameter in model.parameters()}
    names = {name for name, _ in model.named_modules()}
    predicted = count_trainable(model, method)
    adapted = adapt(model, method, seed=1)
    trainable = {id(p) for p in adapted.model.parameters() if p.requires_grad}
    at_start = logits(adapted.model)
    if adapted.traits.trains:
        train(adapted)
    adapted.save(folder)
    return SimpleNamespace(
        method=method,
        traits=adapted.traits,
        effective=adapted.effective,
        untouched=untouched,
        at_start=at_start,
        trained=logits(adapted.model),
        merged=logits(adapted.merged()) if adapted.traits.can_merge else None,
        predicted=predicted,
        counted=adapted.trainable_parameters,
        base_tensors_trained=own & trainable,
        folder=folder,
        unloaded=adapted.unload(),
        names=names,
    )


@pytest.fixture(scope="module")
def reloaded(trials, batch, tmp_path_factory):
    """What a process that knows nothing of this one gets from the saved folders."""
    place = tmp_path_factory.mktemp("fresh")
    torch.save(batch, place / "batch.pt")
    task = {
        "base": str(SHIPPED[TINY_CLAP]),
        "batch": str(place / "batch.pt"),
        "found": str(place / "found.pt"),
        "plain": {},
        "plugin": {},
        "rest": {},
    }
    for kind, trial in trials.items():
        plugin = "plugin" if trial.traits.plugin else "plain"
        task[plugin if trial.traits.is_peft else "rest"][kind] = str(trial.folder)
    (place / "task.json").write_text(json.dumps(task))
    command = [sys.executable, "-W", "ignore", "-c", FRESH_PROCESS, str(place / "task.json")]
    subprocess.run(command, check=True, cwd=place)
    return torch.load(place / "found.pt")


@pytest.mark.parametrize("kind", METHODS)
def test_no_tensor_of_the_base_is_trained(trials, kind):
    assert not trials[kind].base_tensors_trained


@pytest.mark.parametrize("kind", METHODS)
def test_it_starts_as_the_identity(trials, kind):
    assert_close(trials[kind].at_start, trials[kind].untouched, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", METHODS)
def test_training_changes_the_output(trials, kind):
    change = (trials[kind].trained - trials[kind].untouched).abs().max().item()
    assert (change > 1e-3) == trials[kind].traits.trains


@pytest.mark.parametrize("kind", METHODS)
def test_counted_parameters_equal_predicted(trials, kind):
    assert trials[kind].counted == trials[kind].predicted
    assert trials[kind].counted == trials[kind].effective["trainable_parameters"]


@pytest.mark.parametrize("kind", METHODS)
def test_saved_and_loaded_is_equal(trials, kind, base, logits):
    assert_close(logits(load_adapter(base, trials[kind].folder)), trials[kind].trained)


@pytest.mark.parametrize("kind", METHODS)
def test_a_fresh_process_loads_the_same(trials, reloaded, kind):
    assert_close(reloaded[kind], trials[kind].trained)


@pytest.mark.parametrize("kind", METHODS)
def test_merged_equals_unmerged(trials, kind, base, record):
    if trials[kind].traits.can_merge:
        assert_close(trials[kind].merged, trials[kind].trained, atol=1e-4, rtol=1e-4)
    else:
        with pytest.raises(Exception, match="cannot be merged"):
            adapt(base, trials[kind].method, seed=0).merged()


@pytest.mark.parametrize("kind", METHODS)
def test_taken_off_the_base_is_as_it_was(trials, kind, shipped):
    unloaded = trials[kind].unloaded
    assert checksum(unloaded) == checksum(shipped)
    assert {name for name, _ in unloaded.named_modules()} == trials[kind].names
    assert all(p.requires_grad and p.grad is None for p in unloaded.parameters())
    assert not any("train" in vars(module) for module in unloaded.modules())


@pytest.mark.parametrize("kind", METHODS)
def test_the_same_configuration_has_the_same_hash(trials, kind, base):
    first = trials[kind].effective
    torch.manual_seed(99)  # must not matter
    again = adapt(base, trials[kind].method, seed=1).effective
    assert effective_hash(first, {}, 1) == effective_hash(again, {}, 1)
    assert effective_hash(first, {}, 1) != effective_hash(first, {}, 2)
    assert effective_hash(first, {}, 1) != effective_hash(first, {"steps": 1}, 1)
    json.dumps(first)


def test_no_two_methods_are_the_same_model(trials):
    hashes = {effective_hash(trial.effective, {}, 0) for trial in trials.values()}
    assert len(hashes) == len(METHODS)


@pytest.mark.parametrize("role", ROLES)
def test_no_two_methods_are_the_same_model_on_any_role(base, record, role):
    kinds: dict[str, list[str]] = {}
    for kind in METHODS:
        if issubclass(METHOD_RECORDS[kind], Attached):
            with suppress(InvalidConfiguration):  # not on this role
                adapted = adapt(base, record(kind, roles=role), seed=1)
                kinds.setdefault(effective_hash(adapted.effective, {}, 1), []).append(kind)
                adapted.unload()
    # Pfeiffer is Houlsby without the attention; where there is none, it really is the same.
    same = [] if "attention" in role or "all" in role else [["houlsby", "pfeiffer"]]
    assert [names for names in kinds.values() if len(names) > 1] == same
