"""A process that hangs in a step ends, whatever it hangs in."""

import os
import subprocess
import sys
import time
from pathlib import Path

from autopeft.sweep.deadline import TRACE, deadline, take_trace

HANG = """
import sys, time
from pathlib import Path
import autopeft.sweep.deadline as d
d.LAST_RESORT_S = 0.5
with d.deadline(time.monotonic(), timeout_s=0.2, folder=Path(sys.argv[1])):
    exec(sys.argv[2])
print("never")
"""


def hang(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", HANG, str(folder), code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_hanging_process_ends_and_leaves_where_it_hung(tmp_path: Path) -> None:
    done = hang(tmp_path, "while True: pass")
    assert done.returncode != 0
    assert "never" not in done.stdout
    assert "<module>" in take_trace(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_ends_without_the_interpreter_and_without_a_disk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / TRACE)  # whoever opens it waits for ever, as on a dead file system
    done = hang(tmp_path, "")
    assert done.returncode == -14  # SIGALRM


def test_a_body_in_time_leaves_nothing(tmp_path: Path) -> None:
    with deadline(time.monotonic(), timeout_s=5, folder=tmp_path / "t0001"):
        pass
    with deadline(time.monotonic(), timeout_s=None, folder=tmp_path / "t0002"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["t0001"]
