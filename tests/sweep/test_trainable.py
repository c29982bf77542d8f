"""Whose fault an error is decides what becomes of its trial."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from autopeft.core.errors import DataError, InvalidConfiguration, RunFolderError
from autopeft.sweep.trainable import WarmTrainable
from autopeft.trial.failures import WorkerDoubtful


@pytest.mark.parametrize(
    ("error", "phase", "reason"),
    [
        (InvalidConfiguration("rank 9 is above 8"), "refused", "invalid: rank 9 is above 8"),
        (DataError("no sounds"), "failed", "no sounds"),
        (ValueError("odd"), "failed", "error: ValueError: odd"),
        (MemoryError(), "failed", "out of memory: MemoryError"),
        (torch.OutOfMemoryError("CUDA is full"), "failed", "out of memory: CUDA is full"),
        (RunFolderError("x.pt: cannot be written"), "broken", "x.pt: cannot be written"),
        (
            OSError(28, "No space left on device"),
            "broken",
            "/run/t0001: cannot be written: No space left on device; free some space",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_told_by_whose_fault_it_is(error: Exception, phase: str, reason: str) -> None:
    trainable = WarmTrainable.__new__(WarmTrainable)
    trainable._config = {"folder": "/run/t0001"}
    told = json.loads(trainable._told(error)["autopeft"])
    assert (told["phase"], told["reason"]) == (phase, reason)


class Stop(Exception):
    """Not caught by anybody who means well."""


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[WarmTrainable]:
    """A worker as Tune makes one, but in this process."""
    trainable = WarmTrainable.__new__(WarmTrainable)
    trainable.setup(config(tmp_path, "warm1"))
    yield trainable
    trainable.cleanup()


def config(folder: Path, attempt: str, *, x: float = 0.5, timeout: float | None = None) -> Any:
    program = (
        "import json, sys, time; print(json.dumps({'step': 1, 'x': float(sys.argv[1])}))\n"
        "time.sleep(600)"
    )
    spec = {
        "task": {
            "kind": "command",
            "command": [sys.executable, "-S", "-c", program.replace("{", "{{").replace("}", "}}"),
                        "{x}"],
            "folder": str(folder),
            "parameters": {"x": x},
            "steps": 9,
        }
    }  # fmt: skip
    return {
        "attempt": attempt, "spec": json.dumps(spec), "cache": str(folder), "cpus": 1, "gpus": 0,
        "folder": str(folder / "trials" / attempt.partition(".")[0]), "score_test": False,
        "timeout": timeout,
    }  # fmt: skip


def told(warm: WarmTrainable) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(warm.step()["autopeft"])
    return answer


def programs() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "time.sleep(600)" in " ".join(p.cmdline())]


def test_a_trial_that_was_let_go_leaves_no_program(warm: WarmTrainable, tmp_path: Path) -> None:
    assert told(warm) == {"phase": "warm"}
    warm.reset_config(config(tmp_path, "t0001.1"))
    built = told(warm)
    assert (built["phase"], built["trainable_parameters"]) == ("built", None)
    assert programs() == []  # a duplicate would end here, and nothing has started
    report = told(warm)
    assert (report["phase"], report["step"], report["metrics"]["x"]) == ("report", 1, 0.5)
    assert len(programs()) == 1
    warm.let_go()
    assert programs() == []
    warm.let_go()


def test_the_next_trial_ends_the_one_before(warm: WarmTrainable, tmp_path: Path) -> None:
    effective = []
    for number, x in enumerate((0.5, 0.7, 0.5), start=1):
        warm.reset_config(config(tmp_path, f"t000{number}.1", x=x))
        effective.append(told(warm)["effective"])
        assert told(warm)["metrics"]["x"] == x
        assert len(programs()) == 1
    assert effective[0] == effective[2] != effective[1]


def test_a_program_that_hangs_fails_and_the_worker_lives(
    warm: WarmTrainable, tmp_path: Path
) -> None:
    warm.reset_config(config(tmp_path, "t0001.1", timeout=1.0))
    assert [told(warm)["phase"] for _ in range(2)] == ["built", "report"]
    failed = told(warm)
    assert (failed["phase"], failed["reason"]) == (
        "failed", "timeout: search.trial_timeout is over"
    )  # fmt: skip
    warm.reset_config(config(tmp_path, "t0002.1"))
    assert told(warm)["phase"] == "built"
    assert programs() == []


def test_a_trial_that_cannot_be_closed_makes_the_worker_doubtful(
    warm: WarmTrainable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm.reset_config(config(tmp_path, "t0001.1"))
    told(warm)
    session = warm._session
    monkeypatch.setattr(session, "close", _raise)
    warm.let_go()
    warm.reset_config(config(tmp_path, "t0002.1"))
    with pytest.raises(WorkerDoubtful, match="could not be closed"):
        warm.step()


def _raise() -> None:
    raise Stop
