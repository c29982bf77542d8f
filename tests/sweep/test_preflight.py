import subprocess
import sys

import pytest

from autopeft.core.errors import AutopeftError
from autopeft.spec.load import load_sweep
from autopeft.sweep import preflight
from autopeft.sweep.preflight import preflight as check

RAW = {
    "name": "small",
    "task": {"data": {"kind": "procedural"}},
    "method": {"kind": "lora"},
}


def test_the_shipped_base_and_formulas_need_no_look():
    check(load_sweep(RAW))


def test_it_loads_neither_torch_nor_ray():
    code = f"""
import sys
from autopeft.spec.load import load_sweep
from autopeft.sweep.preflight import preflight
preflight(load_sweep({RAW!r}))
print([name for name in ("torch", "ray", "transformers", "mlflow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_domain_is_found():
    raw = {**RAW, "task": {"data": {"kind": "procedural", "domain": "worksop"}}}
    with pytest.raises(AutopeftError, match="did you mean 'workshop'"):
        check(load_sweep(raw))


def test_every_base_that_is_searched_is_looked_at(monkeypatch):
    raw = {**RAW, "model": {"base": {"one_of": ["autopeft/tiny-clap", "a/b"]}}}
    sweep = load_sweep(raw)
    seen = []
    monkeypatch.setattr(preflight, "check_base", lambda model: seen.append(model.base))
    check(sweep)
    assert seen == ["autopeft/tiny-clap", "a/b"]
