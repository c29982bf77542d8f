"""One host joins the Ray of a run and stays until it is told to leave: ``autopeft join RUN``.

It runs on every other host of a job, started by the job's driver, and as the command of worker
jobs that add hosts to a running sweep. All it needs is the run folder, which all hosts see.
"""

import fcntl
import hashlib
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autopeft.clusters.allocation import HostShare
from autopeft.clusters.host_check import prepare_host
from autopeft.clusters.interfaces import own_address
from autopeft.clusters.ray_environment import (
    ENVIRONMENT,
    ON_HOSTS,
    TOKEN_FILE,
    TOKEN_PATH,
    environment_on_hosts,
)
from autopeft.clusters.ray_node import NodePlan, RayNode
from autopeft.clusters.rendezvous import Rendezvous, find_rendezvous
from autopeft.clusters.temporary import remove_ownerless
from autopeft.core.errors import ClusterError
from autopeft.core.places import private_folder

POLL_S = 0.2
LOOK_EVERY_S = 2.0
MAX_STARTS = 5
# Ray that lived so long has started; what ends it then is counted anew.
STARTED_AFTER_S = 60.0
# A driver that resumes in a new job, or a head that is started again, is waited for so long.
HEAD_WITHIN_S = 600.0
# Trials on a host that leaves reach their next report in this time, or lose the steps since.
LEAVE_WITHIN_S = 60.0
OVER, AGAIN = "over", "again"

Say = Callable[[str], None]


def hosts_folder(run: Path) -> Path:
    """Return where the hosts of a run leave their logs and notes."""
    return run / "hosts"


def closed_note(run: Path) -> Path:
    """Return the file that ends the hosts of the driver's job; ``over`` in it ends all others."""
    return hosts_folder(run) / "closed"


def is_closed(run: Path, *, job: str) -> bool:
    """Whether a host is to end; a worker job waits for a head that goes on in a new allocation."""
    try:
        text = closed_note(run).read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return not job or text == OVER


def leaving_hosts(run: Path) -> set[str]:
    """Return the addresses of hosts that have said they will leave."""
    with suppress(OSError):
        names = {entry.name for entry in os.scandir(hosts_folder(run))}
        return {name.removesuffix(".leaving") for name in names if name.endswith(".leaving")}
    return set()


def join(run: Path, share: HostShare, *, interface: str | None, job: str, say: Say) -> int:
    """Give this host to the run's Ray until the sweep is over; return the exit code.

    TERM, INT and HUP end it at once; USR1, the warning before the walltime, lets trials reach
    their next report first.

    Args:
        run: The run folder.
        share: What Ray may use of this host.
        interface: The network of the profile.
        job: The id of a worker job; empty for a host of the driver's own job.
        say: Called with each sentence.

    Raises:
        ClusterError: This host cannot hold Ray, or Ray does not start on it.
    """
    private_folder(hosts_folder(run))
    with _only_one(run, job) as alone, _signals() as signals:
        if not alone:
            say(f"{share.name}: has joined already")
            return 0
        remove_ownerless()
        _Member(run, share, interface=interface, job=job, say=say, signals=signals).stay()
    return 0


class _Signals:
    """What this process was told."""

    def __init__(self) -> None:
        self.stop, self.leave = threading.Event(), threading.Event()


class _Member:
    """This host, from the first look for a head to the end."""

    def __init__(
        self, run: Path, share: HostShare, *, interface: str | None, job: str, say: Say,
        signals: _Signals,
    ) -> None:  # fmt: skip
        self._run, self._share, self._interface, self._job = run, share, interface, job
        self._say, self._signals = say, signals
        self._name = f"{share.name}.{job}" if job else share.name
        self._token = run / TOKEN_FILE
        self._starts = 0

    def stay(self) -> None:
        objects = prepare_host()
        while not self._is_over():
            # Ray loads while the head is waited for.
            node = RayNode(self._share, ENVIRONMENT | ON_HOSTS | {TOKEN_PATH: str(self._token)})
            try:
                head = self._await_head()
                if head is None:
                    return
                self._serve(node, head, objects)
            finally:
                node.stop()

    def _await_head(self) -> Rendezvous | None:
        """Return where the head is; None if this host is to end."""
        deadline = time.monotonic() + HEAD_WITHIN_S
        while not self._is_over():
            if (head := find_rendezvous(self._run)) is not None:
                return head
            if time.monotonic() > deadline:
                self._say(f"{self._name}: no head within {HEAD_WITHIN_S:g} s; leaving")
                return None
            time.sleep(POLL_S)
        return None

    def _is_over(self) -> bool:
        stop, leave = self._signals.stop.is_set(), self._signals.leave.is_set()
        return stop or leave or is_closed(self._run, job=self._job)

    def _serve(self, node: RayNode, head: Rendezvous, objects: int) -> None:
        """Hold Ray up until the head goes, Ray dies, or somebody says leave."""
        address, name = own_address(self._interface, towards=head.address.rpartition(":")[0])
        environment = environment_on_hosts(
            Path(head.token_file), interface=name, without_proxy=_names(head, address)
        )
        plan = NodePlan(self._name, self._share, address, head.address, objects)
        began = time.monotonic()
        try:
            node.start(plan, environment)
            self._say(f"{self._name}: Ray starts, {_shape(self._share)}, head {head.address}")
            self._watch(node, head, address)
            if not node.is_alive and not self._is_over():
                self._again(node, lived_s=time.monotonic() - began)
        finally:
            _leaving_note(self._run, address).unlink(missing_ok=True)

    def _watch(self, node: RayNode, head: Rendezvous, address: str) -> None:
        """Return when Ray has died, the head has gone, or this host is to end."""
        look_at, deadline = 0.0, float("inf")
        while node.is_alive and not self._signals.stop.is_set():
            now = time.monotonic()
            if self._signals.leave.is_set() and deadline == float("inf"):
                self._say(f"{self._name}: leaves; trials here stop at their next report")
                _leaving_note(self._run, address).touch()
                deadline = now + LEAVE_WITHIN_S
            if now > deadline:
                return
            if now >= look_at:
                look_at = now + LOOK_EVERY_S
                if is_closed(self._run, job=self._job) or _other(self._run, head):
                    return
            time.sleep(POLL_S)

    def _again(self, node: RayNode, *, lived_s: float) -> None:
        """Wait a little before the next start.

        Raises:
            ClusterError: There have been enough; Ray's own last lines stand in it.
        """
        self._starts = 1 if lived_s > STARTED_AFTER_S else self._starts + 1
        said = (
            f"{self._name}: Ray ended after {lived_s:.0f} s. Its last lines:\n{node.last_words()}"
        )
        if self._starts >= MAX_STARTS:
            raise ClusterError(f"{said}\n{self._name}: given up after {MAX_STARTS} starts")
        self._say(f"{said}\n{self._name}: starting it again")
        self._signals.stop.wait(min(2.0 ** (self._starts - 1), 15.0))


def _other(run: Path, head: Rendezvous) -> bool:
    """Whether the head has gone or is another; a file system that does not answer says nothing."""
    try:
        now = find_rendezvous(run)
    except ClusterError:
        return False
    return now is None or now.address != head.address


def _leaving_note(run: Path, address: str) -> Path:
    return hosts_folder(run) / f"{address}.leaving"


def _names(head: Rendezvous, address: str) -> Iterator[str]:
    yield from (head.address.rpartition(":")[0], address, head.head)
    yield from (host.name for host in head.hosts)


def _shape(share: HostShare) -> str:
    gpus = f", GPUs {','.join(share.gpu_ids)}" if share.gpu_ids else ""
    return f"{share.cpus} CPUs{gpus}"


@contextmanager
def _only_one(run: Path, job: str) -> Iterator[bool]:
    """Yield whether no other process of this host has joined the run for the same job.

    One that a broken connection left behind comes back together with its successor.
    """
    words = f"{os.getuid()} {run} {job} {socket.gethostname()}"
    name = f"apeft.{hashlib.sha256(words.encode()).hexdigest()[:12]}.lock"
    lock = os.open(Path(tempfile.gettempdir()) / name, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
            Path(tempfile.gettempdir(), name).unlink(missing_ok=True)
    finally:
        os.close(lock)


@contextmanager
def _signals() -> Iterator[_Signals]:
    told = _Signals()

    def stop(number: int, frame: object) -> None:
        told.stop.set()

    def leave(number: int, frame: object) -> None:
        told.leave.set()

    handlers = dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), stop)
    handlers[signal.SIGUSR1] = leave
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
