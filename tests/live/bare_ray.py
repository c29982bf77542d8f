"""Ray as a careful user starts it by hand on two hosts: what our own bring-up is measured by."""

import secrets
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.live.host import Host
from tests.live.machine import SHARED, USER

RAY = str(Path(sys.prefix) / "bin" / "ray")
PORT = 20_379
# Asks the head's own table every 0.1 s: a driver or the dashboard would cost seconds itself.
COUNT_ALIVE = """
import sys, time
from ray._raylet import GcsClient
address, wanted, limit_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
print("ready", flush=True)
stop = time.monotonic() + limit_s
while time.monotonic() < stop:
    try:
        nodes = GcsClient(address).get_all_node_info().values()
    except Exception:
        nodes = []
    if sum(node.state == 0 for node in nodes) >= wanted:
        print(time.time())
        sys.exit()
    time.sleep(0.1)
sys.exit(f"{len(nodes)} of {wanted}")
"""


@dataclass(frozen=True, slots=True)
class BareRay:
    """Two hosts with Ray; seconds from nothing to both alive."""

    address: str
    environment: dict[str, str]
    seconds: float


def bring_up(head: Host, worker: Host, *, cpus: int = 1, within_s: float = 90.0) -> BareRay:
    """Ray is alive on both hosts, and only who has the token may use it.

    The caller ends it, by faults.kill_all: there is no scheduler to do it.
    """
    environment = _token("bare-ray")
    address = f"{head.address}:{PORT}"
    common = [f"--num-cpus={cpus}", "--disable-usage-stats"]
    watch = [sys.executable, "-c", COUNT_ALIVE, address, "2", str(within_s)]
    counting = head.start(*watch, user=USER, env=environment)
    assert counting.stdout is not None
    assert counting.stdout.readline() == "ready\n"
    started = time.time()
    at_head = [f"--node-ip-address={head.address}", f"--port={PORT}", "--temp-dir=/tmp/bare"]
    board = ["--dashboard-host=127.0.0.1"]
    _ray(head, environment, "--head", *at_head, *board, *common)
    _ray(worker, environment, f"--address={address}", *common)
    out, err = counting.communicate(timeout=within_s + 10)
    if counting.returncode:
        raise TimeoutError(f"not both hosts within {within_s:g} s: {err}")
    return BareRay(address, environment, float(out) - started)


def _ray(host: Host, environment: dict[str, str], *words: str) -> None:
    host.do(RAY, "start", *words, user=USER, env=environment, timeout_s=90)


def _token(name: str) -> dict[str, str]:
    path = SHARED / f"{name}.token"
    path.write_text(secrets.token_hex(32))
    shutil.chown(path, USER, USER)
    path.chmod(0o600)
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}
