"""What `ray start` is told, and what it is quoted with when it ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autopeft.clusters import ray_node
from autopeft.clusters.allocation import HostShare
from autopeft.clusters.ray_node import NodePlan, RayNode, start_words
from autopeft.clusters.ray_start_hook import without_client_server

SHARE = HostShare("n1", 4, ("2", "3"), 16.0)
HEAD = NodePlan("n1", SHARE, "10.0.0.1", "10.0.0.1:9001", 2**30, dashboard=9002)
WORKER = NodePlan("n2", HostShare("n2", 2), "10.0.0.2", "10.0.0.1:9001", 2**30)


def test_nothing_of_a_head_is_left_to_ray(tmp_path: Path) -> None:
    words = start_words(HEAD, tmp_path)
    assert {"--block", "--head", "--port=9001", "--dashboard-port=9002"} <= set(words)
    assert {"--node-ip-address=10.0.0.1", "--num-cpus=4", "--num-gpus=2"} <= set(words)
    assert {"--dashboard-host=127.0.0.1", f"--temp-dir={tmp_path}"} <= set(words)
    assert f"--memory={15 * 2**30}" in words
    assert not any(word.startswith("--address") for word in words)


def test_a_worker_knows_its_head_and_may_have_a_neighbour(tmp_path: Path) -> None:
    words = start_words(WORKER, tmp_path)
    assert "--address=10.0.0.1:9001" in words
    assert {"--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"} <= set(
        words
    )
    assert not any(word.startswith(("--head", "--port", "--dashboard-port")) for word in words)


def test_no_client_server_is_started() -> None:
    class Params:
        ray_client_server_port: int | None = 10_001

    params = Params()
    without_client_server(params, True)
    assert params.ray_client_server_port is None


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> RayNode:
    script = (
        'read -r line; echo "$CUDA_VISIBLE_DEVICES ${RAY_ADDRESS-none}"; '
        "printf '\\033[31m%s\\033[0m\\n' \"${line:0:18}\""
    )
    monkeypatch.setattr(ray_node, "LOADER", ["bash", "-c", script])
    monkeypatch.setenv("RAY_ADDRESS", "another:1")
    return RayNode(SHARE, {"RAY_AUTH_MODE": "token"})


def test_its_last_words_are_plain_and_its_folder_goes(node: RayNode) -> None:
    node.start(HEAD, {"no_proxy": "n1"})
    while node.is_alive:
        time.sleep(0.01)
    assert node.last_words().splitlines() == ["start.log:", "  2,3 none", '  {"words": ["start"']
    folder = node._folder.path
    assert folder.is_dir()
    node.stop()
    node.stop()
    assert not folder.exists()


def test_what_ray_tells_all_the_time_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "raylet.out"
    log.write_text(
        "[2026-11-25 23:32:02,394 I 625 625] (gcs_server) created\n"
        "[state-dump] nothing\n"
        "[2026-11-25 23:32:10,359 E 625 638] (gcs_server) Failed to bind\n"
    )
    assert [line[-14:] for line in ray_node._lines(log)] == ["Failed to bind"]


def test_one_that_is_told_nothing_starts_nothing() -> None:
    node = RayNode(WORKER.share, {})
    assert node.is_alive
    node.stop()
    assert not node.is_alive


def test_its_folder_goes_too_when_its_owner_is_killed() -> None:
    owner = (
        "import os, re, signal, time; from pathlib import Path\n"
        "from autopeft.clusters.allocation import HostShare\n"
        "from autopeft.clusters.ray_node import RayNode\n"
        "node = RayNode(HostShare('n1', 1), {})\n"
        "def hears():\n"
        "    text = Path(f'/proc/{node._process.pid}/status').read_text()\n"
        "    caught = re.search('SigCgt:\\\\s*(\\\\w+)', text).group(1)\n"
        "    return int(caught, 16) & 1 << signal.SIGTERM - 1\n"
        "while not hears(): time.sleep(0.02)\n"
        "print(node._folder.path, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", owner], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder, deadline = Path(killed.stdout.strip()), time.monotonic() + 30
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
