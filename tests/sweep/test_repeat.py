import runpy
from pathlib import Path
from typing import Any

import pytest

from autopeft.core.errors import InputError
from autopeft.sweep.repeat import repeat
from autopeft.tracking.events import Promoted, Retried
from autopeft.tracking.journal import Journal
from autopeft.tracking.run_folder import RunFolder

TRAINED = runpy.run_path(str(Path(__file__).parents[1] / "trained_run.py"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    method = {"kind": "lora", "rank": 2, "dropout": 0.1}
    folder: RunFolder = TRAINED["train_run"](tmp_path_factory.mktemp("repeat"), method)
    return folder


def test_a_trial_repeats_to_the_last_bit_and_writes_nothing(run: RunFolder) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.is_file()}
    repetition = repeat(run, "r0001")
    assert repetition.agrees
    assert repetition.step == 3
    assert {"accuracy", "test_accuracy"} <= set(repetition.then)
    assert not {"train_seconds", "system/memory_rss_mb"} & set(repetition.then)
    after = {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.is_file()}
    assert after == before


def test_other_numbers_are_told(run: RunFolder) -> None:
    repetition = repeat(run, "t0000")  # its line in the journal was made up
    assert repetition.differing == ["accuracy"]
    assert not repetition.as_dict()["agrees"]
    assert "torch" in repetition.versions


def test_the_verb_prints_both_numbers_and_exits_1_if_they_differ(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    from autopeft.cli.main import main

    assert main(["rerun", str(run.path), "r0000"]) == 0
    assert "the same numbers, to the last bit" in capsys.readouterr().out
    assert main(["rerun", str(run.path), "t0000"]) == 1
    said = capsys.readouterr().out
    assert "0.3" in said
    assert "other numbers: accuracy; then torch 2, now" in said


def test_what_cannot_be_repeated_is_a_sentence(run: RunFolder, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(InputError, match="no trial named 't0001'; did you mean 't0000'"):
        repeat(run, "t0001")
    copies: dict[str, Any] = {
        "copy of r0000 at step 3": Promoted(time=9, trial="t0000", source="r0000"),
        "smaller batches": Retried(time=9, trial="t0000", reason="out of memory: 2 GB"),
    }
    for index, (sentence, event) in enumerate(copies.items()):
        copy = RunFolder(Path(shutil.copytree(run.path, tmp_path / str(index))))
        journal = Journal(copy.journal)
        journal.write(event)
        journal.close()
        with pytest.raises(InputError, match=sentence):
            repeat(copy, "t0000")
