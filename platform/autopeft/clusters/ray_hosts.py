"""Ray on all hosts of a job: the head here, the others by the launcher, watched to the end.

A host that comes late joins; one that is lost is said so and launched again. The scheduler tells
neither (Grid Engine never does), so Ray's own table is asked.
"""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import join as shell_join
from shlex import quote
from typing import Self

from autopeft.clusters.allocation import Allocation, own_share
from autopeft.clusters.host_check import prepare_host
from autopeft.clusters.interfaces import own_address
from autopeft.clusters.join import (
    AGAIN,
    LEAVE_WITHIN_S,
    OVER,
    closed_note,
    hosts_folder,
    leaving_hosts,
)
from autopeft.clusters.launchers import launch_words
from autopeft.clusters.ray_environment import environment_on_hosts, token_file
from autopeft.clusters.ray_head import Cancelled, RayHead
from autopeft.clusters.rendezvous import RayHost, Rendezvous, publish, withdraw
from autopeft.clusters.shell import end_session, start_bound
from autopeft.clusters.temporary import remove_ownerless
from autopeft.core.errors import ClusterError
from autopeft.core.places import private_folder, write_private
from autopeft.spec.cluster import AnyQueuedProfile

POLL_S = 0.2
LOOK_EVERY_S = 2.0
# So long after the head stands, a sweep begins with `min_hosts`, or not at all.
ALL_WITHIN_S = 180.0
# A launcher may fail for a moment (a step that cannot be made just now), or for as long as a host
# is away; that it failed is believed the second time.
RELAUNCH_AFTER_S, AND_THEN_AFTER_S, BELIEVED_AFTER = 3.0, 30.0, 2
MEMBERS_END_WITHIN_S = 8.0
LAST_LINES = 12
# What a launcher's far side has of its own, and must keep.
OF_THE_HOST = (
    "SLURM", "SGE_", "PBS_", "PE_", "JOB_", "TASK_", "HOSTNAME", "HOST", "TMPDIR", "TMP", "TEMP",
    "CUDA_VISIBLE_DEVICES", "BASH_", "PWD", "OLDPWD", "SHLVL", "_", "DISPLAY", "SSH_", "XDG_",
    "QUEUE", "NHOSTS", "NQUEUES", "NSLOTS", "NCPUS", "RESTARTED", "REQUEST", "ARC", "TERM",
)  # fmt: skip

Say = Callable[[str], None]


class RayHosts:
    """The hosts of a job with Ray on them, within a ``with`` block.

    Args:
        run: The run folder; ``ray.json`` and ``hosts/`` are written there.
        profile: Launcher, network, shape, how many hosts a sweep needs at least.
        allocation: The hosts.
        program: The words that run ``autopeft`` on a host.
        say: Called with each sentence.
        is_cancelled: Whether somebody asked to stop.

    Attributes:
        goes_on: Whether the sweep goes on in another allocation; worker jobs then wait for it.
    """

    def __init__(
        self,
        run: Path,
        profile: AnyQueuedProfile,
        allocation: Allocation,
        *,
        program: tuple[str, ...],
        say: Say,
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._run, self._profile, self._allocation = run, profile, allocation
        self._say, self._is_cancelled = say, is_cancelled
        self._share = own_share(
            name=allocation.hosts[0],
            cpus=allocation.cpus[allocation.hosts[0]],
            gpus=profile.gpus_per_host,
            memory_gb=profile.memory_gb,
        )
        self._objects = prepare_host()
        self._address, interface = own_address(profile.interface)
        self.environment = environment_on_hosts(
            token_file(run), interface=interface,
            without_proxy=(*allocation.hosts, self._address),
        )  # fmt: skip
        self._launches = {
            host: _Launch(
                launch_words(
                    profile.launcher,
                    host,
                    place=place,
                    cpus=allocation.cpus[host],
                    script=self._script(host, program),
                ),
                log=hosts_folder(run) / f"{host}.log",
            )
            for place, host in enumerate(allocation.hosts[1:], start=1)
        }
        self.goes_on = False
        self._head: RayHead | None = None
        self._alive: dict[str, str] = {}
        self._leaving: set[str] = set()
        self._look_at = 0.0

    def __enter__(self) -> Self:
        withdraw(self._run)
        closed_note(self._run).unlink(missing_ok=True)
        for note in hosts_folder(self._run).glob("*.leaving"):
            note.unlink(missing_ok=True)
        remove_ownerless()
        for launch in self._launches.values():
            launch.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End everything that this job started, on every host, and nothing else."""
        withdraw(self._run)
        closed_note(self._run).write_text(f"{AGAIN if self.goes_on else OVER}\n")
        if self._head is not None:
            self._head.stop()
        deadline = time.monotonic() + MEMBERS_END_WITHIN_S
        while time.monotonic() < deadline and any(x.runs for x in self._launches.values()):
            time.sleep(POLL_S)
        for launch in self._launches.values():
            launch.stop()

    @property
    def is_head_alive(self) -> bool:
        """Whether a sweep can be driven here."""
        return self._head is not None and self._head.is_alive

    @property
    def address(self) -> str:
        """``ip:port`` of the head."""
        assert self._head is not None
        return self._head.address

    def bring_up(self) -> None:
        """Ray stands on all hosts, or on enough of them; ``ray.json`` says where.

        Raises:
            ClusterError: Too few hosts came; names each with what it said last.
            Cancelled: Somebody asked to stop.
        """
        if not self.is_head_alive:
            self._start_head()
        least = self._profile.min_hosts or len(self._allocation.hosts)
        deadline = time.monotonic() + ALL_WITHIN_S
        while True:
            self.look(now=True)
            ready = [host for host in self._allocation.hosts if host in self._alive]
            if len(ready) == len(self._allocation.hosts):
                return
            given_up = [host for host, launch in self._launches.items() if launch.has_failed]
            waited = time.monotonic() > deadline
            hopeless = len(self._allocation.hosts) - len(given_up) < least
            settled = waited or len(ready) + len(given_up) == len(self._allocation.hosts)
            if hopeless or (settled and len(ready) < least):
                raise ClusterError(self._missing(ready, least))
            if settled:
                self._say(f"{self._missing(ready, least)}\nthe sweep begins without them")
                return
            if self._is_cancelled():
                raise Cancelled
            if not self.is_head_alive:
                raise ClusterError(f"Ray's head has died. Its last lines:\n{self.last_words()}")
            time.sleep(POLL_S)

    def look(self, *, now: bool = False) -> None:
        """See who is alive; say what has changed, launch again what has ended."""
        if not now and time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        assert self._head is not None
        alive = self._head.table.alive()
        if alive is None:
            return
        for host in sorted(alive.keys() - self._alive.keys()):
            self._say(f"{host} is ready ({alive[host]})")
        leaving = leaving_hosts(self._run)
        for address in sorted(leaving - self._leaving):
            self._head.table.drain(address, within_s=LEAVE_WITHIN_S)
        self._leaving |= leaving
        for host in sorted(self._alive.keys() - alive.keys()):
            if self._alive[host] in self._leaving:
                self._say(f"{host} has left")
                self._leaving.discard(self._alive[host])
            else:
                self._say(f"{host} is lost; its trials go on elsewhere from their last reports")
        if alive != self._alive:
            self._alive = alive
            self._publish()
        for host, launch in self._launches.items():
            if host not in alive and launch.relaunch():
                self._say(f"{host} is launched again")

    def last_words(self) -> str:
        """Return what the head's Ray said last."""
        return self._head.last_words() if self._head is not None else ""

    def _start_head(self) -> None:
        if self._head is not None:
            withdraw(self._run)
            self._head.stop()
        self._alive = {}
        self._head = RayHead(
            self._share, address=self._address, objects=self._objects,
            environment=self.environment, is_cancelled=self._is_cancelled, say=self._say,
        )  # fmt: skip

    def _publish(self) -> None:
        assert self._head is not None
        profile = self._profile
        known = [
            RayHost(host, cpus, profile.gpus_per_host, profile.memory_gb, host in self._alive)
            for host, cpus in self._allocation.cpus.items()
        ]
        known[0] = RayHost(
            self._share.name, self._share.cpus, len(self._share.gpu_ids), self._share.memory_gb,
            self._share.name in self._alive,
        )  # fmt: skip
        guests = sorted(self._alive.keys() - self._allocation.cpus.keys())
        known += [RayHost(host, 0, 0, None, ready=True) for host in guests]
        publish(
            self._run,
            Rendezvous(
                address=self._head.address, dashboard=self._head.dashboard, head=self._share.name,
                hosts=tuple(known), job=self._allocation.job, token_file=str(token_file(self._run)),
            ),
        )  # fmt: skip

    def _missing(self, ready: list[str], least: int) -> str:
        lines = [
            f"{len(ready)} of {len(self._allocation.hosts)} hosts have Ray, at least {least} are "
            f"wanted (min_hosts); missing:"
        ]
        for host, launch in self._launches.items():
            if host not in ready:
                lines += [f"{host}:", *(f"  {line}" for line in launch.last_lines())]
        return "\n".join(lines)

    def _script(self, host: str, program: tuple[str, ...]) -> Path:
        """Write what the launcher runs on ``host``: our environment, then ``autopeft join``."""
        folder = private_folder(hosts_folder(self._run))
        profile, share = self._profile, self._allocation.cpus[host]
        words = [*program, "join", str(self._run), f"--host={host}", f"--cpus={share}",
                 f"--gpus={profile.gpus_per_host}"]  # fmt: skip
        if profile.memory_gb:
            words.append(f"--memory={profile.memory_gb:g}")
        if profile.interface:
            words.append(f"--interface={profile.interface}")
        path = folder / f"{host}.sh"
        write_private(path, join_script(words, os.environ, log=folder / f"{host}.log"))
        path.chmod(0o700)
        return path


def join_script(words: list[str], environ: Mapping[str, str], *, log: Path) -> str:
    """Return the script that joins a host: with the environment of the job's own script.

    Launchers differ in what they pass on: ``srun`` all, ``qrsh`` and ``pbsdsh`` next to nothing.
    """
    lines = ["#!/bin/bash"]
    for name, value in sorted(environ.items()):
        if name.isidentifier() and not name.startswith(OF_THE_HOST):
            lines.append(f"export {name}={quote(value)}")
    lines += [f"exec >>{quote(str(log))} 2>&1 </dev/null", f"exec {shell_join(words)}"]
    return "\n".join(lines) + "\n"


class _Launch:
    """The launcher's process for one host, started again when it ends."""

    def __init__(self, words: list[str], *, log: Path) -> None:
        self._words, self._log = words, log
        self._process: subprocess.Popen[bytes] | None = None
        self._ended_at: float | None = None
        self._starts = 0

    @property
    def runs(self) -> bool:
        """Whether the launcher has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def has_failed(self) -> bool:
        """Whether it has ended more than once, and was not asked to."""
        return not self.runs and self._starts >= BELIEVED_AFTER

    def start(self) -> None:
        """Run the launcher; its own words go to the host's log."""
        self._ended_at = None
        self._starts += 1
        try:
            with self._log.open("ab") as output:
                self._process = start_bound(self._words, environment=os.environ, output=output)
        except OSError as error:
            raise ClusterError(
                f"{self._words[0]}: cannot be started: {error.strerror}; `launcher` in the profile "
                "says how other hosts of a job are reached"
            ) from error

    def relaunch(self) -> bool:
        """Start it again some time after its end; return whether that was done now."""
        if self.runs:
            return False
        now = time.monotonic()
        if self._ended_at is None:
            self._ended_at = now
        patience_s = RELAUNCH_AFTER_S if self._starts < BELIEVED_AFTER else AND_THEN_AFTER_S
        if now - self._ended_at < patience_s:
            return False
        self.start()
        return True

    def stop(self) -> None:
        """End the launcher; what it started on the host has been told by the closed note."""
        if self._process is not None:
            end_session(self._process, patience_s=2.0)

    def last_lines(self) -> list[str]:
        """Return the end of the host's log."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        return [line for line in text.splitlines() if line.strip()][-LAST_LINES:] or [
            "(it said nothing yet)"
        ]
