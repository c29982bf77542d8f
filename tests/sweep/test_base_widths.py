"""What can never run on a base is said before anything starts."""

import json
import shutil

import pytest

from autopeft.models.load import SHIPPED, TINY_CLAP
from autopeft.sweep.preflight import load_checked


@pytest.fixture
def said(tmp_path):
    """Return what is remarked of a method."""

    def ask(method, **model):
        raw = {"name": "a", "task": {"data": {"kind": "procedural"}}, "method": method}
        _, remarks = load_checked({**raw, "model": model}, quick=True)
        return [f"{remark.path} {remark.message}" for remark in remarks]

    return ask


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ({"kind": "lora", "rank": 900}, "method.rank"),
        ({"kind": "dora", "rank": {"low": 600, "high": 900}}, "method.rank"),
        ({"kind": "loha", "rank": {"one_of": [400, 900]}}, "method.rank"),
        ({"any_of": [{"kind": "ia3"}, {"kind": "lora", "rank": 900}]}, "method.any_of[1].rank"),
        ({"parts": [{"kind": "ia3"}, {"kind": "lora", "rank": 900}]}, "method.parts[1].rank"),
        ({"kind": "oft", "block_size": 7}, "method.block_size"),
        ({"kind": "oft", "block_size": {"one_of": [7, 13]}}, "method.block_size"),
    ],
)
def test_a_branch_that_is_always_refused_is_told(said, method, path):
    (remark,) = said(method)
    assert remark.startswith(f"{path} ")
    assert "every such trial is refused" in remark


@pytest.mark.parametrize(
    "method",
    [
        {"kind": "lora", "rank": 48},
        {"kind": "lora", "rank": {"low": 8, "high": 900}},
        {"kind": "lora"},
        {"parts": [{"kind": "ia3"}, {"kind": "lora", "rank": {"one_of": [0, 900]}}]},
        {"kind": "vera", "rank": 900},
        {"kind": "oft", "block_size": {"one_of": [4, 7]}},
        {"kind": "oft"},
        {"kind": "full"},
    ],
)
def test_a_branch_that_may_run_is_not(said, method):
    assert said(method) == []


def test_of_a_base_that_leaves_widths_to_a_default_nothing_is_said(said, tmp_path):
    shutil.copytree(SHIPPED[TINY_CLAP], tmp_path / "base")
    method, base = {"kind": "lora", "rank": 900}, str(tmp_path / "base")
    assert len(said(method, base=base)) == 1
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    del config["text_config"]["hidden_size"]
    (tmp_path / "base" / "config.json").write_text(json.dumps(config))
    assert said(method, base=base) == []
