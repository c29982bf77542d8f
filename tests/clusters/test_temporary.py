"""Ray's folder: short, private, gone with its owner or after it."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autopeft.clusters import temporary
from autopeft.clusters.temporary import LONGEST_TEMP_PATH, OwnedFolder, remove_ownerless
from autopeft.core.errors import ClusterError

OWN = "import os; from autopeft.clusters.temporary import OwnedFolder; print(OwnedFolder().path)"


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
    code = f"from pathlib import Path; import autopeft.clusters.temporary as t; t._places = lambda: [Path({str(here)!r})]; {OWN.partition('; ')[2]}; os = __import__('os'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
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
