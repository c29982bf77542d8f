import json
import shutil
import socket
import time

import pytest
import torch

from autopeft.core.errors import BaseUnavailable
from autopeft.models.load import SHIPPED, TINY_CLAP, checksum, load_base


@pytest.fixture(scope="module")
def base():
    return load_base(TINY_CLAP)


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(SHIPPED[TINY_CLAP], tmp_path / "base")


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


def test_the_shipped_base_is_ready_to_adapt(base):
    assert base.family == "clap"
    assert base.sample_rate_hz == 8000
    assert not any(module.training for module in base.model.modules())
    assert base.checksum == checksum(base.model)


def test_a_relative_folder_is_looked_for_beside_the_search_file(base, folder):
    found = load_base("base", search_dirs=[folder.parent])
    assert found.checksum == base.checksum
    assert found.name == "base"


def test_a_missing_folder_says_where_it_looked(tmp_path):
    with pytest.raises(BaseUnavailable, match=r"no folder '\./nowhere' .*nowhere"):
        load_base("./nowhere", search_dirs=[tmp_path])


@pytest.mark.parametrize(
    "missing", ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"]
)
def test_an_incomplete_folder_names_what_is_missing(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(BaseUnavailable, match=f"lacks {missing}"):
        load_base(str(folder))


def test_pickled_weights_are_not_read(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BaseUnavailable, match=r"lacks model\.safetensors"):
        load_base(str(folder))


def test_torn_weights_are_a_sentence(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(BaseUnavailable, match="could not be loaded"):
        load_base(str(folder))


def test_weights_that_lack_a_parameter_are_refused_rather_than_random(folder):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["text_projection.linear1.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BaseUnavailable, match=r"lack 1 parameters, first text_projection\.linear1"):
        load_base(str(folder))


def test_an_unknown_family_lists_the_supported_ones(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert"}))
    with pytest.raises(BaseUnavailable, match="of type 'bert'; supported: clap"):
        load_base(str(folder))


def test_a_name_that_is_nothing_is_refused():
    with pytest.raises(BaseUnavailable, match="neither a folder here nor a Hub id"):
        load_base("tiny-clap")


def test_a_hub_id_without_a_network_fails_at_once(monkeypatch, empty_cache):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    _expect_quick_failure()


def test_a_hub_id_with_a_silent_resolver_fails_soon(monkeypatch, empty_cache):
    def wait(*_, **__):
        time.sleep(4)
        raise OSError("timed out")

    monkeypatch.setattr("autopeft.models.load.PROBE_SECONDS", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", wait)
    _expect_quick_failure()


def _expect_quick_failure():
    began = time.monotonic()
    with pytest.raises(BaseUnavailable, match=r"laion/.*HF_HOME.*autopeft/tiny-clap"):
        load_base("laion/clap-htsat-unfused")
    assert time.monotonic() - began < 3


def test_the_checksum_sees_parameters_and_buffers():
    model = torch.nn.BatchNorm1d(3)
    sums = [checksum(model)]
    model.running_mean += 1e-3
    sums.append(checksum(model))
    torch.nn.init.constant_(model.weight, 0.5)
    sums.append(checksum(model))
    model.register_buffer("extra", torch.zeros(2, dtype=torch.bfloat16), persistent=False)
    sums.append(checksum(model))
    assert len(set(sums)) == 4
    assert checksum(model) == sums[-1]
