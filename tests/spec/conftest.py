from collections.abc import Callable
from pathlib import Path

import pytest

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep

SMALL = """\
name: small
task:
  kind: contrastive
  data: {kind: procedural, clips: 280}
method:
  kind: lora
  rank: {one_of: [1, 2, 4]}
  learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
training: {steps: 40}
search: {trials: 6}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a search file (by default a small right one) and return its path."""

    def written(text: str = SMALL, name: str = "search.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written


@pytest.fixture
def problems_of(write: Callable[..., Path]) -> Callable[..., list[str]]:
    """Return the lines of complaint about a file, its folder's name taken out."""

    def problems(text: str, *overrides: str) -> list[str]:
        path = write(text)
        try:
            load_sweep(path, overrides)
        except InputError as error:
            return str(error).replace(f"{path.parent}/", "").splitlines()
        return []

    return problems
