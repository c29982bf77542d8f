"""A synthetic sweep for the report's tests."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autopeft.tracking.run_folder import RunFolder

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "synthetic_sweep.py"))


@pytest.fixture
def write_sweep(tmp_path: Path) -> Callable[..., RunFolder]:
    """Write a run folder with a made-up journal; see ``synthetic_sweep.write_sweep``."""

    def write(**wishes: Any) -> RunFolder:
        run = SYNTHETIC["write_sweep"](tmp_path, **wishes)
        assert isinstance(run, RunFolder)
        return run

    return write


@pytest.fixture
def finished(write_sweep: Callable[..., RunFolder]) -> RunFolder:
    """A sweep of 24 trials with baselines and retrainings, over."""
    return write_sweep()
