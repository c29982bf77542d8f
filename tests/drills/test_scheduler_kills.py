"""kill -9 of the driver under every scheduler on a real Ray, one slot: the same story."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autopeft.schedulers import SCHEDULERS
from autopeft.spec.load import load_sweep
from autopeft.tracking.run_folder import RunFolder, create_run

MOMENTS = int(os.environ.get("AUTOPEFT_KILLS", "3"))  # per scheduler; 20 take six minutes each
pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(200 + 40 * MOMENTS)]
CASES: dict[str, dict[str, Any]] = {
    **{kind: {"kind": kind} for kind in SCHEDULERS},
    "asha-promote": {"kind": "asha", "mode": "promote"},
    "pbt": {"kind": "pbt", "population": 4, "interval_steps": 20},
}
DRIVE = """
import sys
from autopeft.sweep.drive import drive
from autopeft.tracking.run_folder import open_run
drive(open_run(sys.argv[1]), trainable="autopeft.sweep.trivial:TrivialTrainable")
"""


def make_run(folder: Path, scheduler: dict[str, Any]) -> RunFolder:
    spec = {
        "name": "drill",
        "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
        "method": {"kind": "lora", "learning_rate": "search", "rank": "search"},
        "training": {"steps": 80},
        "search": {
            "trials": 8, "searcher": {"kind": "tpe", "startup_trials": 4}, "scheduler": scheduler,
            "baselines": False, "retrain": 1, "retrain_seeds": 1,
        },
        "resources": {"max_concurrent": 1},
        "tracking": {"enabled": False},
    }  # fmt: skip
    run = create_run(load_sweep(spec), folder)
    (run.path / "faults.json").write_text('{"all": "50ms"}')
    return run


def start(run: RunFolder) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "TUNE_"))}
    with (run.path / "out.txt").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", DRIVE, str(run.path)],
            cwd=run.path, stdout=out, stderr=out, env=environment, process_group=0,
        )  # fmt: skip


def finish(run: RunFolder) -> None:
    process = start(run)
    assert process.wait(200) == 0, (run.path / "out.txt").read_text()[-3000:]


def lines(run: RunFolder) -> list[bytes]:
    content = run.journal.read_bytes() if run.journal.exists() else b""
    return [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


def story(run: RunFolder) -> list[dict[str, Any]]:
    """The events that decide something; not when, nor in which process."""
    events = [json.loads(line) for line in lines(run)]
    machine = ("sweep_started", "sweep_resumed", "ray_started")
    return [
        {name: value for name, value in event.items() if name not in ("time", "details")}
        for event in events
        if event["event"] not in machine
    ]


@pytest.mark.parametrize("case", sorted(CASES))
def test_killed_at_random_moments_all_later_decisions_are_the_same(
    case: str, tmp_path: Path
) -> None:
    whole = make_run(tmp_path / "whole", CASES[case])
    finish(whole)
    expected = story(whole)
    killed = make_run(tmp_path / "killed", CASES[case])
    moments = sorted(random.Random(case).sample(range(2, len(expected)), MOMENTS))
    for kill, moment in enumerate(moments, start=1):
        process = start(killed)
        while len(story(killed)) < moment and process.poll() is None:
            time.sleep(0.005)
        assert process.poll() is None, (killed.path / "out.txt").read_text()[-3000:]
        process.kill()
        process.wait()
        so_far = story(killed)
        assert so_far == expected[: len(so_far)], f"after kill {kill}"
    finish(killed)
    assert story(killed) == expected
