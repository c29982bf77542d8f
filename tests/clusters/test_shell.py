"""What is started is ended with all it has started, and when its starter ends, however."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from autopeft.clusters.shell import end_session, start_bound

FAMILY = "sleep 300 & (setpgrp sleep 300 2>/dev/null || sleep 300) & sleep 300"
STARTER = """
import os, sys
from autopeft.clusters.shell import start_bound
print(start_bound(["sleep", "300"], environment=os.environ).pid, flush=True)
sys.stdin.read()
"""


def members(leader: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            words = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(words[3]) == leader and words[0] not in "ZX":
                found.append(int(entry.name))
    return found


def test_a_whole_session_ends_whoever_ignores_what() -> None:
    words = ["bash", "-c", f"trap '' TERM; {FAMILY}"]
    process = start_bound(words, environment=os.environ)
    while len(members(process.pid)) < 4:
        time.sleep(0.01)
    end_session(process, patience_s=0.1)
    assert members(process.pid) == []
    assert process.poll() is not None
    end_session(process, patience_s=0.1)


def test_who_is_asked_may_end_well() -> None:
    words = ["bash", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"]
    process = start_bound(words, environment=os.environ)
    time.sleep(0.3)
    end_session(process, patience_s=5)
    assert process.returncode == 5


def test_what_is_bound_ends_with_a_starter_that_is_killed() -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    child = int(starter.stdout.readline())
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    deadline = time.monotonic() + 5
    while members(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert members(child) == []
