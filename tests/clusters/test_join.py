"""A host that joins: once, until it is told to leave, and never for another's end."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest

from autopeft.clusters import join as joining
from autopeft.clusters.allocation import HostShare
from autopeft.clusters.join import (
    AGAIN,
    OVER,
    closed_note,
    hosts_folder,
    is_closed,
    join,
    leaving_hosts,
)
from autopeft.clusters.rendezvous import Rendezvous, publish

HEAD = Rendezvous("10.0.0.1:9001", "", "n1", (), "4711", "/runs/a/ray-token")
SHARE = HostShare("n2", 1)


class FakeNode:
    """Ray that lives for so long, by the order of the test."""

    lives_s = 1000.0
    started: ClassVar[list[str]] = []
    stopped = 0

    def __init__(self, share: HostShare, environment: dict[str, str]) -> None:
        self._ends = float("inf")

    def start(self, plan: joining.NodePlan, environment: dict[str, str]) -> None:
        self.started.append(plan.gcs)
        self._ends = time.monotonic() + self.lives_s

    @property
    def is_alive(self) -> bool:
        return time.monotonic() < self._ends

    def last_words(self) -> str:
        return "raylet.err:\n  no room"

    def stop(self) -> None:
        FakeNode.stopped += 1


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    FakeNode.lives_s, FakeNode.started, FakeNode.stopped = 1000.0, [], 0
    monkeypatch.setattr(joining, "RayNode", FakeNode)
    monkeypatch.setattr(joining, "prepare_host", lambda: 2**20)
    monkeypatch.setattr(joining, "own_address", lambda cidr, towards: ("10.0.0.2", ""))
    monkeypatch.setattr(joining, "remove_ownerless", list)
    monkeypatch.setattr(joining, "POLL_S", 0.01)
    monkeypatch.setattr(joining, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(joining, "LEAVE_WITHIN_S", 0.3)
    hosts_folder(tmp_path).mkdir()


def soon(deed: threading.Timer) -> None:
    deed.daemon = True
    deed.start()


def joined(run: Path, *, job: str = "") -> list[str]:
    said: list[str] = []
    assert join(run, SHARE, interface=None, job=job, say=said.append) == 0
    return said


def test_it_waits_for_a_head_and_stays_until_the_run_is_closed(tmp_path: Path) -> None:
    soon(threading.Timer(0.1, publish, (tmp_path, HEAD)))
    soon(threading.Timer(0.3, closed_note(tmp_path).write_text, (AGAIN,)))
    assert joined(tmp_path) == ["n2: Ray starts, 1 CPUs, head 10.0.0.1:9001"]
    assert FakeNode.stopped == 1


def test_another_head_is_followed(tmp_path: Path) -> None:
    publish(tmp_path, HEAD)
    other = Rendezvous("10.0.0.1:9777", "", "n1", (), "4711", "/runs/a/ray-token")
    soon(threading.Timer(0.2, publish, (tmp_path, other)))
    soon(threading.Timer(0.5, closed_note(tmp_path).write_text, (OVER,)))
    joined(tmp_path)
    assert FakeNode.started == ["10.0.0.1:9001", "10.0.0.1:9777"]


def test_ray_that_keeps_dying_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, HEAD)
    FakeNode.lives_s = 0.01
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: False)
    with pytest.raises(joining.ClusterError, match=r"(?s)no room.*n2: given up after 5 starts"):
        joined(tmp_path)
    assert len(FakeNode.started) == joining.MAX_STARTS
    assert FakeNode.stopped == joining.MAX_STARTS


def test_the_warning_is_told_to_the_driver_before_the_host_goes(tmp_path: Path) -> None:
    publish(tmp_path, HEAD)
    seen: list[set[str]] = []
    soon(threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)))
    soon(threading.Timer(0.3, lambda: seen.append(leaving_hosts(tmp_path))))
    assert "leaves" in joined(tmp_path, job="7")[-1]
    assert seen == [{"10.0.0.2"}]
    assert leaving_hosts(tmp_path) == set()


def test_a_request_ends_it_at_once(tmp_path: Path) -> None:
    publish(tmp_path, HEAD)
    before = signal.getsignal(signal.SIGTERM)
    soon(threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)))
    began = time.monotonic()
    joined(tmp_path)
    assert time.monotonic() - began < 5
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_worker_job_waits_for_a_head_that_goes_on(tmp_path: Path) -> None:
    assert not is_closed(tmp_path, job="")
    closed_note(tmp_path).write_text(AGAIN)
    assert is_closed(tmp_path, job="")
    assert not is_closed(tmp_path, job="7")
    closed_note(tmp_path).write_text(OVER)
    assert is_closed(tmp_path, job="7")


def hold(run: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with joining._only_one(run, "") as alone:
        assert alone
        ready.set()
        time.sleep(60)


def test_a_host_joins_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    other = context.Process(target=hold, args=(tmp_path, ready))
    other.start()
    try:
        assert ready.wait(20)
        assert joined(tmp_path) == ["n2: has joined already"]
    finally:
        other.kill()
        other.join()
    closed_note(tmp_path).write_text(OVER)
    assert joined(tmp_path) == []
