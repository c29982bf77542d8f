"""Whose fault an error is decides what becomes of its trial."""

import json

import pytest

from autopeft.core.errors import DataError, InvalidConfiguration, RunFolderError
from autopeft.sweep.trainable import WarmTrainable


@pytest.mark.parametrize(
    ("error", "phase", "reason"),
    [
        (InvalidConfiguration("rank 9 is above 8"), "refused", "invalid: rank 9 is above 8"),
        (DataError("no sounds"), "failed", "no sounds"),
        (ValueError("odd"), "failed", "error: ValueError: odd"),
        (MemoryError(), "failed", "out of memory: MemoryError"),
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
