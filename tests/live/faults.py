"""What goes wrong on clusters, done to the lab."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.live import network
from tests.live.host import Host
from tests.live.machine import USER


def cut(host: Host) -> None:
    """The host's cable is out: it runs on, and nobody reaches it."""
    network.ip("-n", network.namespace(host.name), "link", "set", "eth0", "down")


def mend(host: Host) -> None:
    """The host's cable is in; fine where it was."""
    network.ip("-n", network.namespace(host.name), "link", "set", "eth0", "up")


@contextmanager
def unreachable(host: Host) -> Iterator[None]:
    """The host's cable is out for a while."""
    cut(host)
    try:
        yield
    finally:
        mend(host)


def send(host: Host, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """A process has the signal, by its number on the host; fine where it has ended."""
    host.run("kill", f"-{number.value}", str(pid))


def kill_matching(host: Host, words: str, *, user: str = USER) -> list[int]:
    """The user's processes whose command holds these words are dead; return their numbers."""
    pids = [process.pid for process in host.processes(user) if words in process.command]
    for pid in pids:
        send(host, pid)
    return pids


def kill_all(host: Host, *, user: str = USER) -> None:
    """The user has no process on the host, nor one that those had just started."""
    while kill_matching(host, "", user=user):
        continue


@contextmanager
def small(host: Host, folder: str, *, mb: int) -> Iterator[None]:
    """The host's /tmp or /dev/shm holds only this much for a while, and what is there counts."""
    # What is mounted over another stands last.
    *_, before = host.do("findmnt", "--noheadings", "--output=SIZE", "--bytes", folder).split()
    host.do("mount", "-o", f"remount,size={mb}m", folder)
    try:
        yield
    finally:
        host.do("mount", "-o", f"remount,size={before}", folder)


def scancel(ctl: Host, job: str, *, name: str | None = None, batch_only: bool = False) -> None:
    """A Slurm job is cancelled, or its steps or its batch script alone have the signal."""
    options = [f"--signal={name}"] if name else []
    ctl.do("scancel", *options, *(["--batch"] if batch_only else []), job, user=USER)


def requeue(ctl: Host, job: str) -> None:
    """A Slurm job starts again, as after preemption; not before ten seconds (slurm_lab.py)."""
    ctl.do("scontrol", "requeue", job, user=USER)


def qdel(ctl: Host, job: str, *, force: bool = False) -> None:
    """A Grid Engine job is deleted; by force without waiting for its host."""
    ctl.do("qdel", *(["-f"] if force else []), job, user=USER)


def reschedule(ctl: Host, job: str) -> None:
    """A Grid Engine job starts again, as after preemption; jobs of ``qsub -r y`` only."""
    ctl.do("qmod", "-r", job, user=USER)
