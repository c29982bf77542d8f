"""A program as a trial: what it may do well, what it may do badly, and that nothing of it stays."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from autopeft.trial.base import Report
from autopeft.trial.command import CommandRunner
from autopeft.trial.failures import ObjectiveFailed, log_of, reason_of
from autopeft.trial.run import run_trial


def _programs() -> Any:
    """Load the neighbour by path: the tests have no packages to import from."""
    place = importlib.util.spec_from_file_location(
        "programs", Path(__file__).with_name("programs.py")
    )
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


spec = _programs().spec


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[CommandRunner]:
    runner = CommandRunner(tmp_path)
    yield runner
    runner.close()


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def failure(runner: CommandRunner, trial: Any, **options: Any) -> ObjectiveFailed:
    with pytest.raises(ObjectiveFailed) as caught:
        run_trial(trial, runner=runner, **options)
    return caught.value


@pytest.mark.parametrize(
    ("way", "metrics"),
    [
        ("good", {"value": 0.25}),
        ("metrics", {"loss": 0.5, "size": 3.0}),
        ("list", {"value_0": 0.5, "value_1": -0.5}),
        ("streams", {"loss": 0.5 / 30}),
        ("unfinished", {"loss": 0.5}),
        ("chatters", {"value": 0.5}),
    ],
)
def test_a_result_is_read(
    runner: CommandRunner, tmp_path: Path, way: str, metrics: dict[str, float]
) -> None:
    last = run_trial(spec(way, tmp_path), runner=runner, folder=tmp_path / "trials" / "t0001")
    assert {k: v for k, v in last.metrics.items() if k != "run_seconds"} == metrics
    assert (last.step, last.final) == (30, True)
    assert list((tmp_path / "trials" / "t0001").iterdir()) == []


def test_a_stream_is_reports(runner: CommandRunner, tmp_path: Path) -> None:
    seen: list[Report] = []
    run_trial(spec("streams", tmp_path), runner=runner, report=lambda r: seen.append(r) or True)
    assert [(r.step, r.final) for r in seen] == [(10, False), (20, False), (30, True)]


@pytest.mark.parametrize(
    ("way", "reason", "log"),
    [
        ("fails", "exit code 3: no license", "no license\n"),
        ("dies", "signal SIGSEGV", ""),
        ("garbage", "bad result: 'it went well' is not JSON", ""),
        ("empty", "no result: it ended without a word", ""),
        ("silent", "no result: it ended without a word", ""),
    ],
)
def test_a_failure_has_a_name_and_a_tail(
    runner: CommandRunner, tmp_path: Path, way: str, reason: str, log: str
) -> None:
    error = failure(runner, spec(way, tmp_path))
    assert reason_of(error).startswith(reason)
    assert log_of(error) == log


def test_nan_is_a_metric_like_any_other_here(runner: CommandRunner, tmp_path: Path) -> None:
    value = run_trial(spec("nan", tmp_path), runner=runner).metrics["value"]
    assert value != value


@pytest.mark.parametrize("way", ["hangs", "deaf"])
def test_a_hanging_program_is_ended_in_time(
    runner: CommandRunner, tmp_path: Path, way: str
) -> None:
    began = time.monotonic()
    error = failure(runner, spec(way, tmp_path), timeout_s=0.5)
    assert reason_of(error) == "timeout: search.trial_timeout is over"
    assert 0.4 < time.monotonic() - began < 15
    assert not [p for p in psutil.process_iter(["cmdline"]) if f"{way}.py" in _words(p)]


def _words(process: psutil.Process) -> list[str]:
    return [Path(word).name for word in process.info["cmdline"] or ()]


def test_a_stopped_program_is_ended_with_all_it_started(
    runner: CommandRunner, tmp_path: Path
) -> None:
    last = run_trial(spec("endless", tmp_path), runner=runner, report=lambda report: False)
    assert is_gone(int(last.metrics["child"]))


def test_what_a_program_leaves_behind_is_ended(runner: CommandRunner, tmp_path: Path) -> None:
    last = run_trial(spec("leaves", tmp_path), runner=runner)
    assert is_gone(int(last.metrics["child"]))


def test_a_program_that_is_not_there_has_not_started(runner: CommandRunner, tmp_path: Path) -> None:
    trial = spec("good", tmp_path, command=["./nothing", "{x}"])
    reason = reason_of(failure(runner, trial))
    assert reason == "not started: ./nothing: No such file or directory"


def test_what_is_filled_in(runner: CommandRunner, tmp_path: Path) -> None:
    (tmp_path / "told.sh").write_text("#!/bin/sh\necho $* $PWD ${RAY_ADDRESS:-none} > told\n")
    (tmp_path / "told.sh").chmod(0o700)
    words = ["./told.sh", "{trial}", "{trial_dir}", "{run_dir}", "{seed}", "{steps}", "{x}"]
    trial = spec("good", tmp_path, command=words).model_copy(update={"seed": 7})
    os.environ["RAY_ADDRESS"] = "somewhere"
    try:
        failure(runner, trial, folder=tmp_path / "run" / "trials" / "t0003")
    finally:
        del os.environ["RAY_ADDRESS"]
    run = tmp_path / "run"
    told = (tmp_path / "told").read_text().split()
    assert told == [
        "t0003",
        f"{run}/trials/t0003",
        f"{run}",
        "7",
        "30",
        "0.5",
        f"{tmp_path}",
        "none",
    ]


def test_configurations_are_alike_by_the_words_they_run(
    runner: CommandRunner, tmp_path: Path
) -> None:
    def effective(x: float, seed: int, *more: str) -> str:
        words = ["a", "{x}", "{out}", *more]
        trial = spec("good", tmp_path, x=x, command=words).model_copy(update={"seed": seed})
        session = runner.open(trial, folder=tmp_path / f"{x}{seed}")
        session.close()
        return session.building.effective

    assert effective(0.5, 0) == effective(0.5, 1) != effective(0.6, 0)
    assert effective(0.5, 0, "{seed}") != effective(0.5, 1, "{seed}")


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from autopeft.trial.command import CommandRunner
from programs import spec
session = CommandRunner(Path()).open(spec("endless", Path({folder!r})), folder=Path({folder!r}))
print(int(session.advance().metrics["child"]), session._process._process.pid, flush=True)
assert "torch" not in sys.modules
time.sleep(600)
"""


def test_a_killed_worker_leaves_nothing_behind(tmp_path: Path) -> None:
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    line = worker.stdout.readline()
    left = [int(word) for word in line.split()]
    assert len(left) == 2
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert [is_gone(pid) for pid in left] == [True, True]


def test_closing_the_guard_ends_what_is_watched(tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    session = runner.open(spec("endless", tmp_path), folder=tmp_path / "t")
    child = int(session.advance().metrics["child"])
    runner.close()
    assert is_gone(child)
    session.close()
