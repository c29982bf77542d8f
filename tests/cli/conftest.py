"""A small right search file, and a made-up run folder."""

import runpy
from pathlib import Path

import pytest

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "synthetic_sweep.py"))
SEARCH = """\
name: small
task:
  data: {kind: procedural, clips: 112}
method:
  any_of:
    - kind: lora
      rank: {one_of: [1, 2, 4]}
      learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
    - kind: ia3
training: {steps: 20}
search:
  trials: 3
"""


@pytest.fixture
def search_file(tmp_path):
    path = tmp_path / "search.yaml"
    path.write_text(SEARCH)
    return path


@pytest.fixture
def write_sweep(tmp_path):
    def write(**options):
        return SYNTHETIC["write_sweep"](tmp_path, **options)

    return write
