"""Ray on a machine that is too busy to start it at once."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from autopeft.core.errors import ClusterError
from autopeft.sweep import ray_session


@pytest.mark.parametrize(("late", "starts"), [(0, 1), (2, 3)])
def test_a_ray_that_starts_too_slowly_is_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, late: int, starts: int
) -> None:
    left: list[subprocess.Popen[bytes]] = []
    stranger = subprocess.Popen(["sleep", "60"])

    def init(**options: Any) -> str:
        left.append(subprocess.Popen(["sleep", "60"]))
        if len(left) <= late:
            raise Exception("The current node timed out during startup.")
        return "a context"

    monkeypatch.setattr("ray.init", init)
    assert ray_session._start(tmp_path) == "a context"
    assert len(left) == starts
    assert [process.poll() is None for process in left] == [False] * late + [True]
    assert stranger.poll() is None
    for process in (left[-1], stranger):
        process.kill()
        process.wait()


def test_a_machine_that_stays_too_busy_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def init(**options: Any) -> str:
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ClusterError, match=r"within 30 s, 3 times: .*; `autopeft doctor` looks"):
        ray_session._start(tmp_path)


def test_what_is_no_matter_of_time_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tries: list[int] = []

    def init(**options: Any) -> str:
        tries.append(1)
        raise RuntimeError("no port")

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ClusterError, match="Ray does not start: no port"):
        ray_session._start(tmp_path)
    assert len(tries) == 1
