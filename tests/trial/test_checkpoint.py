"""A full disk is the machine's failure, never the configuration's."""

import os
from pathlib import Path

import pytest
import torch

from autopeft.core.errors import DataError, RunFolderError
from autopeft.trial.checkpoint import load_checkpoint, save_checkpoint
from autopeft.trial.failures import disk_trouble

STATE = {"step": 3, "adapter": {"w": torch.arange(6.0)}}


def test_a_full_disk_is_told_in_a_sentence_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, STATE)
    # Where the next one is written there is no room: /dev/full says so to every write.
    (tmp_path / f".checkpoint.pt.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(RunFolderError, match="No space left on device; free some space"):
        save_checkpoint(tmp_path, {"step": 6, "adapter": {"w": torch.zeros(10_000)}})
    kept = load_checkpoint(tmp_path)
    assert kept is not None
    assert kept["step"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_full_disk_is_seen_behind_what_libraries_make_of_it() -> None:
    full = OSError(28, os.strerror(28))
    behind = DataError("features cannot be written")
    behind.__cause__ = full
    during = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598")
    during.__context__ = full
    rust = ValueError("I/O error: No space left on device (os error 28)")
    assert {disk_trouble(error) for error in (full, behind, during, rust)} == {os.strerror(28)}
    assert disk_trouble(FileNotFoundError(2, "No such file")) == ""
    assert disk_trouble(ValueError("rank is odd")) == ""
