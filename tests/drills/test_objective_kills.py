"""kill -9 and Ctrl-C in a sweep over a program: exact counts, and no program left running."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

SEARCH = """
name: programs
task:
  kind: command
  command: [python3, drilled_program.py, "{x}", "{seed}", "{out}"]
  parameters: {x: {low: 0, high: 1}}
  steps: 6
search:
  trials: 6
  retrain: 1
  retrain_seeds: 2
  objectives: {loss: min}
  scheduler: {kind: asha, grace_steps: 3, reduction: 2}
"""
PROGRAM = """
import json, sys, time
x, seed, out = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
for step in range(1, 7):
    time.sleep(0.5)
    print(json.dumps({"step": step, "loss": x + seed % 7 / 1000}))
json.dump({"loss": x}, open(out, "w"))
"""


@pytest.fixture
def programs(tmp_path: Path, make_sweep: Any) -> Any:
    (tmp_path / "drilled_program.py").write_text(PROGRAM)
    (tmp_path / "search.yaml").write_text(SEARCH)
    return make_sweep(tmp_path, file=tmp_path / "search.yaml", small=())


def running() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if "drilled_program.py" in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def nothing_runs(within_s: float = 30) -> bool:
    deadline = time.monotonic() + within_s
    while running() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not running()


def test_a_worker_is_killed_its_program_ends_and_its_trial_goes_on(programs: Any) -> None:
    programs.wait_for("reported", 3)
    worker = programs.children("ray::Resource")[0]
    ours = [p for p in worker.children() if "drilled_program.py" in p.cmdline()]
    worker.kill()
    psutil.wait_procs(ours, timeout=20)
    assert not [p for p in ours if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    programs.finish()
    assert nothing_runs()


def test_everything_is_killed_and_resumed(programs: Any) -> None:
    programs.wait_for("reported", 5)
    driver = programs.driver
    programs.process.kill()
    driver.kill()
    programs.process.wait()
    assert nothing_runs()
    programs.process = programs.start("resume", str(programs.run))
    programs.finish()
    assert nothing_runs()


def test_ctrl_c_leaves_nothing_running(programs: Any) -> None:
    programs.wait_for("reported", 3)
    assert running()
    os.killpg(programs.process.pid, signal.SIGINT)
    assert programs.process.wait(90) == 130
    assert nothing_runs()
    assert not [e for e in programs.events() if e["event"] in ("retried", "sweep_ended")]
