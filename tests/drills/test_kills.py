"""kill -9 of every part of a real sweep; the counts at the end are exact."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(400)]


def test_the_driver_is_killed_and_started_again(sweep: Any) -> None:
    sweep.wait_for("reported", 3)
    sweep.driver.kill()
    sweep.finish()
    assert sum(e["event"] == "sweep_resumed" for e in sweep.events()) == 1
    assert "SIGKILL" in sweep.out.read_text()


def test_a_worker_is_killed_and_its_trial_goes_on(sweep: Any) -> None:
    sweep.wait_for("reported", 3)
    worker = sweep.children("ray::Resource")[0]
    worker.kill()
    sweep.finish()
    retried = [e for e in sweep.events() if e["event"] == "retried"]
    assert len(retried) == 1
    assert retried[0]["reason"].startswith("worker lost")


def test_the_raylet_is_killed_and_the_sweep_goes_on(sweep: Any) -> None:
    sweep.wait_for("reported", 3)
    sweep.children("raylet")[0].kill()
    sweep.finish()
    assert "starting it again, nothing is lost" in sweep.out.read_text()


def test_everything_is_killed_and_resumed_by_hand(sweep: Any) -> None:
    sweep.wait_for("reported", 5)
    driver = sweep.driver
    left = json.loads((sweep.run / "ray-leftovers.json").read_text())
    ray = driver.children(recursive=True)
    sweep.process.kill()
    driver.kill()
    sweep.process.wait()
    sweep.process = sweep.start("resume", str(sweep.run))
    sweep.finish()
    assert not Path(left["folder"]).exists()
    assert not [p for p in ray if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_stops_cleanly_and_says_how_to_go_on(
    sweep: Any, number: signal.Signals
) -> None:
    """Ctrl-C, a batch system at the time limit, a closed terminal."""
    sweep.wait_for("reported", 3)
    driver = sweep.driver
    family = [driver, *driver.children(recursive=True)]
    os.killpg(sweep.process.pid, number)
    assert sweep.process.wait(60) == 130
    said = sweep.out.read_text()
    assert "interrupted; nothing is lost\nresume with: autopeft resume" in said
    assert "died" not in said + (sweep.run / "driver.log").read_text()
    psutil.wait_procs(family, timeout=20)
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert not [e for e in sweep.events() if e["event"] in ("retried", "sweep_ended")]
    if number == signal.SIGTERM:  # what is left is the same for all three
        sweep.process = sweep.start("resume", str(sweep.run))
        sweep.finish()
        assert "failed" not in {e["status"] for e in sweep.events() if e["event"] == "ended"}


@pytest.mark.parametrize("sweep", [("tracking.uri=http://127.0.0.1:9",)], indirect=True)
def test_a_dead_tracking_server_holds_nobody_up(sweep: Any) -> None:
    sweep.finish()
    assert "MLflow" in (sweep.run / "driver.log").read_text() + sweep.out.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_ends_in_a_sentence_and_a_resume_completes(
    tmp_path: Path, make_sweep: Any
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], check=True)
    try:
        sweep = make_sweep(disk)
        sweep.wait_for("reported", 2)
        filler = disk / "filler"
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(b"0" * 65536)
                    file.flush()
            except OSError:
                pass
        assert sweep.process.wait(120) == 1
        said = sweep.out.read_text()
        assert "Traceback" not in said
        assert "No space left on device; free some space" in said
        assert "resume with: autopeft resume" in said
        filler.unlink()
        sweep.process = sweep.start("resume", str(sweep.run))
        sweep.finish()
        assert "failed" not in {e["status"] for e in sweep.events() if e["event"] == "ended"}
    finally:
        time.sleep(1)
        subprocess.run(["umount", "-l", disk], check=False)
