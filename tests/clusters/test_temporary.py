"""Ray's folder: short, private, gone with its owner or after it."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autopeft.clusters import temporary
from autopeft.clusters.temporary import LONGEST_TEMP_PATH, OwnedFolder, remove_ownerless
from autopeft.core.errors import ClusterError

KILLED = """
import os, sys
from pathlib import Path
from autopeft.clusters import temporary
temporary._places = lambda: [Path(sys.argv[1])]
kept = temporary.OwnedFolder()
os.kill(os.getpid(), 9)
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    monkeypatch.setattr(temporary, "_places", lambda: [folder])
    return folder


def test_it_is_private_and_goes_with_its_owner(here: Path) -> None:
    with OwnedFolder() as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert remove_ownerless() == []
        assert folder.path.is_dir()
    assert list(here.iterdir()) == []


def test_what_a_killed_owner_left_is_removed(here: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(here)], check=False)
    (left,) = here.iterdir()
    assert remove_ownerless() == [left]
    assert list(here.iterdir()) == []


def test_a_folder_that_was_made_otherwise_stays(here: Path) -> None:
    (here / "apeft-other").mkdir()
    assert remove_ownerless() == []


def test_no_short_place_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    long = Path("/tmp") / ("x" * LONGEST_TEMP_PATH)
    monkeypatch.setattr(temporary, "_places", lambda: [long])
    with pytest.raises(ClusterError, match="set TMPDIR to a short"):
        OwnedFolder()
