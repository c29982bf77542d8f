"""Ray on this host: ``ray start --block`` in a session of its own, its last words, its end.

Nothing daemonises, ports and folder are this start's own, and what is ended is exactly what was
started; ``ray stop`` would end every Ray of the user on the host.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autopeft.clusters.allocation import HostShare
from autopeft.clusters.shell import end_session, start_bound
from autopeft.clusters.temporary import OwnedFolder

# -P: from a checkout's root the folder mlflow/ would be imported (docs/tour.md).
LOADER = (sys.executable, "-P", "-m", "autopeft.clusters.ray_start")
ENDS_WITHIN_S = 3.0
LAST_LINES = 8
# Ray's servers write "[time LEVEL pid thread]": what they tell all the time, and their last word.
NOISE = re.compile(r"\[state-dump\]| [ID] \d+ \d+\] |\(\+0x[0-9a-f]+\)")
FATAL = re.compile(r" C \d+ \d+\] ")
# Where Ray says why it does not start, the most telling last.
LOGS = ("raylet.out", "gcs_server.out", "raylet.err", "gcs_server.err")


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What ``ray start`` is told.

    Attributes:
        name: What Ray calls the node.
        share: What it may use of its host.
        address: The host's own.
        gcs: ``ip:port`` of the head.
        objects: Bytes of the object store.
        dashboard: The head's port for it; None on every other host.
    """

    name: str
    share: HostShare
    address: str
    gcs: str
    objects: int
    dashboard: int | None = None


def start_words(plan: NodePlan, temporary: Path) -> list[str]:
    """Return the words after ``ray``; it blocks until Ray ends."""
    share = plan.share
    words = ["start", "--block", "--disable-usage-stats", "--include-log-monitor=false",
             f"--node-name={plan.name}", f"--node-ip-address={plan.address}",
             f"--num-cpus={share.cpus}", f"--num-gpus={len(share.gpu_ids)}",
             f"--object-store-memory={plan.objects}", f"--temp-dir={temporary}"]  # fmt: skip
    if share.memory_gb is not None:
        words.append(f"--memory={max(1, round(share.memory_gb * 2**30) - plan.objects)}")
    # Workers and agents listen on any port: bound at once, so there is none to clash.
    words += ["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0"]
    if plan.dashboard is None:
        return [*words, f"--address={plan.gcs}"]
    port = plan.gcs.rpartition(":")[2]
    return [*words, "--head", f"--port={port}", "--no-monitor",
            "--include-dashboard=true", "--dashboard-host=127.0.0.1",
            f"--dashboard-port={plan.dashboard}"]  # fmt: skip


class RayNode:
    """Ray's processes on this host, from construction to ``stop``.

    Construction loads Ray; ``start`` says where the head is.

    Args:
        share: What Ray may use of this host.
        environment: What Ray finds beyond this process's own environment.
    """

    def __init__(self, share: HostShare, environment: Mapping[str, str]) -> None:
        self._folder = OwnedFolder()
        own = {**os.environ, **environment}
        own.pop("RAY_ADDRESS", None)
        if self._folder.path.is_relative_to(tempfile.gettempdir()):
            own["TMPDIR"] = str(self._folder.path)  # what Ray leaves elsewhere goes with it
        if share.gpu_ids:
            own["CUDA_VISIBLE_DEVICES"] = ",".join(share.gpu_ids)
        loader = (*LOADER, str(self._folder.path), str(os.getpid()))
        with self._said.open("ab") as output:
            self._process: subprocess.Popen[bytes] = start_bound(
                loader, environment=own, output=output, talks=True
            )

    def start(self, plan: NodePlan, environment: Mapping[str, str]) -> None:
        """Tell Ray to start; whether it does, time tells."""
        told = {"words": start_words(plan, self._folder.path), "environment": dict(environment)}
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(json.dumps(told).encode() + b"\n")

    @property
    def is_alive(self) -> bool:
        """Whether ``ray start`` has not ended; it ends when any process of Ray's does."""
        return self._process.poll() is None

    @property
    def listens(self) -> bool:
        """Whether the head's own server holds its port: it then says so in a file."""
        return any((self._folder.path / "session_latest").glob("gcs_server_port_*"))

    @property
    def has_failed(self) -> bool:
        """Whether the head's server has said that it cannot go on; Ray itself takes 40 s for it."""
        path = self._logs / "gcs_server.err"
        return path.exists() and bool(FATAL.search(path.read_text(errors="replace")))

    @property
    def _logs(self) -> Path:
        return self._folder.path / "session_latest" / "logs"

    def last_words(self) -> str:
        """Return the last lines of what Ray wrote, by file."""
        return "\n".join(self._last_words()) or "(it said nothing)"

    def stop(self) -> None:
        """End what was started and remove the folder; twice is fine."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        end_session(self._process, patience_s=ENDS_WITHIN_S)
        self._folder.remove()

    @property
    def _said(self) -> Path:
        return self._folder.path / "start.log"

    def _last_words(self) -> Iterator[str]:
        for path in (*(self._logs / name for name in LOGS), self._said):
            lines = _lines(path)
            if lines:
                yield f"{path.name}:"
                yield from (f"  {line}" for line in lines[-LAST_LINES:])


def _lines(path: Path) -> list[str]:
    """Return the lines of a log that say something, without colours."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line.rstrip()[:300] for line in plain.splitlines() if line.strip()]
    return [line for line in lines if not NOISE.search(line)] or lines
