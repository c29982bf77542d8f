"""What a job is told, and what it makes of it; how often its driver may die."""

import os
import signal
from pathlib import Path

import pytest

from autopeft.clusters.base import CONTINUE
from autopeft.clusters.driver import INTERRUPTED, MAX_RESTARTS, Lives
from autopeft.clusters.in_job import Told
from autopeft.clusters.ray_hosts import join_script
from autopeft.spec.cluster import PbsProfile
from autopeft.tracking.run_folder import RunFolder


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told_by(*signals: tuple[int, float]) -> Told:
    """Return what is made of signals, each at its time of a job of 1000 s, 60 s warned before."""
    clock = Clock()
    with Told(PbsProfile(walltime="1000s", warning_s=60), clock=clock) as told:
        for number, at in signals:
            clock.now = 100 + at
            os.kill(os.getpid(), number)
    return told


def test_the_warning_means_go_on_elsewhere() -> None:
    told = told_by((signal.SIGUSR1, 930))
    assert (told.must_end, told.stopped, told.code) == (True, False, CONTINUE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_request_means_stop(number: int) -> None:
    told = told_by((number, 300))
    assert (told.must_end, told.code) == (True, INTERRUPTED)


def test_the_end_of_the_walltime_is_a_warning_as_well_and_a_request_before_it_is_not() -> None:
    assert told_by((signal.SIGTERM, 975)).code == CONTINUE
    assert told_by((signal.SIGTERM, 965)).code == INTERRUPTED


def test_what_is_cancelled_after_the_warning_does_not_go_on() -> None:
    """As by a bare scancel or qdel, which leave no other word."""
    assert told_by((signal.SIGUSR1, 940), (signal.SIGTERM, 950)).code == INTERRUPTED
    assert told_by((signal.SIGUSR1, 940), (signal.SIGTERM, 999)).code == CONTINUE
    assert told_by((signal.SIGUSR1, 500), (signal.SIGINT, 510)).code == INTERRUPTED


def test_the_walltime_counts_from_where_the_script_began() -> None:
    clock = Clock()
    with Told(PbsProfile(walltime="1000s"), clock=clock, began_s_ago=90) as told:
        clock.now = 100 + 900
        os.kill(os.getpid(), signal.SIGTERM)
    assert told.code == CONTINUE


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    told_by((signal.SIGUSR1, 1))
    assert signal.getsignal(signal.SIGUSR1) is before


def test_deaths_without_a_report_count(tmp_path: Path) -> None:
    lives = Lives(RunFolder(tmp_path))
    assert sum(lives.another() for _ in range(20)) == MAX_RESTARTS
    (tmp_path / "journal.jsonl").write_text('{"event":"reported"}\n')
    assert lives.another()


def test_a_host_gets_the_environment_of_the_script_but_what_is_its_own(tmp_path: Path) -> None:
    environ = {
        "PATH": "/opt/it's/bin:/usr/bin", "HF_HOME": "/data/hf", "SLURM_JOB_ID": "7",
        "CUDA_VISIBLE_DEVICES": "0", "BASH_FUNC_module%%": "() { :; }", "TMPDIR": "/scratch/7",
    }  # fmt: skip
    text = join_script(["autopeft", "join", "/runs/my run"], environ, log=tmp_path / "n2.log")
    assert "export HF_HOME=/data/hf\n" in text
    assert "export PATH='/opt/it'\"'\"'s/bin:/usr/bin'\n" in text
    assert text.endswith("exec autopeft join '/runs/my run'\n")
    for name in ("SLURM", "CUDA", "BASH_FUNC", "TMPDIR"):
        assert name not in text
