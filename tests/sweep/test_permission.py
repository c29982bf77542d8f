"""A function that a search file names by its place is called only if somebody allowed it."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.sweep.api import reopen_run, start_run
from autopeft.sweep.drive import drive
from autopeft.sweep.permission import RECORD, require_permission
from autopeft.tracking.run_folder import open_run

SENTENCE = "harmful_objectives:score is code that no installed package offers"


def sweep(entry_point: str = "harmful_objectives:score") -> Sweep:
    task: dict[str, Any] = {
        "kind": "function", "entry_point": entry_point, "parameters": {"x": {"low": 0, "high": 1}}
    }  # fmt: skip
    return load_sweep({"name": "a", "task": task, "tracking": {"enabled": False}})


def test_without_permission_nothing_begins(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=SENTENCE) as caught:
        start_run(sweep(), tmp_path / "runs", allow_code=False)
    assert "--allow-code" in str(caught.value)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_permission_is_kept_with_the_run(tmp_path: Path) -> None:
    run = start_run(sweep(), tmp_path, allow_code=True)
    assert reopen_run(run.path, allow_code=False) == run


def test_a_moved_run_asks_again_and_its_driver_does_not_start(tmp_path: Path) -> None:
    run = start_run(sweep(), tmp_path, allow_code=True)
    moved = open_run(shutil.copytree(run.path, tmp_path / "elsewhere"))
    with pytest.raises(InputError, match=SENTENCE):
        reopen_run(moved.path, allow_code=False)
    with pytest.raises(InputError, match=SENTENCE):
        drive(moved)
    assert not moved.journal.exists()
    assert reopen_run(moved.path, allow_code=True) == moved
    require_permission(moved, moved.sweep())


def test_another_function_in_the_same_run_asks_again(tmp_path: Path) -> None:
    run = start_run(sweep(), tmp_path, allow_code=True)
    text = run.spec_file.read_text().replace("harmful_objectives:score", "os:system")
    run.spec_file.write_text(text)
    with pytest.raises(InputError, match="os:system is code"):
        reopen_run(run.path, allow_code=False)


@pytest.mark.parametrize("entry_point", ["branin", "autopeft.simulation.functions:branin"])
def test_what_a_package_offers_needs_no_permission(tmp_path: Path, entry_point: str) -> None:
    run = start_run(sweep(entry_point), tmp_path, allow_code=False)
    assert reopen_run(run.path, allow_code=False) == run
    assert not (run.path / RECORD).exists()


def test_nothing_is_imported_to_find_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harmful_objectives.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=SENTENCE):
        start_run(sweep(), tmp_path / "runs", allow_code=False)
    assert "harmful_objectives" not in sys.modules
