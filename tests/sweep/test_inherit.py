from pathlib import Path

import pytest

from autopeft.core.errors import RunFolderError
from autopeft.sweep.inherit import inherit
from autopeft.tracking.events import Ended, Promoted, Status
from autopeft.tracking.run_folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path)
    for trial in ("t0000", "t0001"):
        run.trial(trial).mkdir(parents=True)
        (run.trial(trial) / "checkpoint.pt").write_text(trial)
    return run


def checkpoint(run: RunFolder, trial: str) -> str:
    return (run.trial(trial) / "checkpoint.pt").read_text()


def test_a_copy_has_its_sources_checkpoint_and_a_second_time_changes_nothing(
    run: RunFolder,
) -> None:
    for _ in range(2):
        inherit(run, Promoted(time=1, trial="t0001", source="t0000", values={}))
        assert checkpoint(run, "t0001") == checkpoint(run, "t0000") == "t0000"
    assert [path.name for path in run.trial("t0001").iterdir()] == ["checkpoint.pt"]


def test_a_new_machine_has_no_folder_for_it_yet(run: RunFolder) -> None:
    inherit(run, Promoted(time=1, trial="t0009", source="t0000"))
    assert checkpoint(run, "t0009") == "t0000"


def test_other_events_and_lost_checkpoints_change_nothing(run: RunFolder) -> None:
    inherit(run, Promoted(time=1, trial="t0001"))
    inherit(run, Ended(time=1, trial="t0001", status=Status.STOPPED))
    inherit(run, Promoted(time=1, trial="t0001", source="t0005"))
    assert checkpoint(run, "t0001") == "t0001"


def test_a_place_that_takes_nothing_is_a_sentence(run: RunFolder) -> None:
    run.trial("t0002").write_text("a file")
    with pytest.raises(RunFolderError, match="cannot be written"):
        inherit(run, Promoted(time=1, trial="t0002", source="t0000"))
