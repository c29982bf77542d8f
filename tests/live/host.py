"""One host of the lab: its own network, name, process table, /tmp and /dev/shm."""

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.live import network
from tests.live.machine import SHARED, needed_by_the_user

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENDS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Process:
    """A line of a host's process table."""

    pid: int
    user: str
    state: str
    command: str


@dataclass(frozen=True, slots=True)
class Host:
    """A running host; ``init`` is the number of its first process on this machine."""

    name: str
    init: int

    @property
    def address(self) -> str:
        return network.address(self.name)

    def entering(self, user: str, *, env: dict[str, str], cwd: Path = SHARED) -> list[str]:
        """The words before a command that make it run here, as this user freshly logged in."""
        enter = ["nsenter", f"--target={self.init}", "--net", "--uts", "--ipc", "--mount", "--pid"]
        become = ["setpriv", f"--reuid={user}", f"--regid={_group(user)}", "--init-groups"]
        words = [f"{key}={value}" for key, value in (login(user) | env).items()]
        return [*enter, *become, "env", "--ignore-environment", f"--chdir={cwd}", *words]

    def start(
        self,
        *command: str,
        user: str = "root",
        env: dict[str, str] | None = None,
        cwd: Path = SHARED,
        out: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command on this host with a login's environment; output as text or to a file."""
        entering = self.entering(user, env=env or {}, cwd=cwd)
        if out is None:
            return _popen([*entering, *command], subprocess.PIPE)
        with out.open("ab") as sink:
            return _popen([*entering, *command], sink)

    def run(
        self,
        *command: str,
        user: str = "root",
        env: dict[str, str] | None = None,
        cwd: Path = SHARED,
        timeout_s: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on this host to its end.

        It is timed inside: ending what entered a host would not end what it started there.
        """
        timed = ("timeout", "--kill-after=2", str(timeout_s), *command)
        process = self.start(*timed, user=user, env=env, cwd=cwd)
        out, err = process.communicate(timeout=timeout_s + 10)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def do(
        self,
        *command: str,
        user: str = "root",
        env: dict[str, str] | None = None,
        cwd: Path = SHARED,
        timeout_s: float = 60.0,
    ) -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.run(*command, user=user, env=env, cwd=cwd, timeout_s=timeout_s)
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()
            where = f"{user}@{self.name}"
            raise RuntimeError(f"{where}: {' '.join(command)} → {done.returncode}\n{said}")
        return done.stdout

    def processes(self, user: str | None = None) -> list[Process]:
        """The host's process table, without the ``ps`` that lists it."""
        lines = self.do("ps", "-ww", "-eo", "pid=,user:32=,stat=,args=").splitlines()
        rows = [line.split(maxsplit=3) for line in lines]
        table = [Process(int(pid), owner, stat, args) for pid, owner, stat, args in rows]
        return [
            process
            for process in table
            if user in (None, process.user) and "ps -ww -eo pid=" not in process.command
        ]


def boot(name: str, *, binds: dict[str, Path], tmp_mb: int, shm_mb: int) -> Host:
    """A host that is up; its network must be laid."""
    setup = {
        "name": name,
        "binds": {seen: str(real) for seen, real in binds.items()},
        "visible": [str(path) for path in needed_by_the_user()],
        "tmp_mb": tmp_mb,
        "shm_mb": shm_mb,
    }
    # `ip netns exec` would remount /sys, and slurmd then finds no /sys/fs/cgroup.
    enter = ["nsenter", f"--net=/run/netns/{network.namespace(name)}"]
    unshare = ["unshare", "--uts", "--ipc", "--mount", "--pid", "--fork", "--kill-child"]
    script = Path(__file__).with_name("host_init.py")
    process = subprocess.Popen(
        [*enter, *unshare, "--mount-proc", sys.executable, "-I", str(script), json.dumps(setup)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    if process.stdout.readline() != "ready\n":
        process.kill()
        raise RuntimeError(f"host {name} did not come up: {process.stderr.read().strip()}")
    return found(name)


def found(name: str) -> Host:
    """The host of this name that runs on this machine, whoever started it.

    Raises:
        LookupError: There is none.
    """
    for pid in network.pids(name):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:  # it has just ended
            continue
        # Its numbers from here inwards: the last is the one on its host.
        if status.partition("NSpid:")[2].splitlines()[0].split()[1:] == ["1"]:
            return Host(name, pid)
    raise LookupError(f"host {name} is not up: python -m tests.live.lab up")


def shut(name: str) -> None:
    """No process is on the host: only those of its network namespace are ended."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    while left := network.pids(name):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise RuntimeError(f"host {name} does not end: processes {left}")
        time.sleep(0.05)


def login(user: str) -> dict[str, str]:
    """The environment a login of this user has."""
    home = pwd.getpwnam(user).pw_dir
    return {
        "PATH": PATH,
        "HOME": home,
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "SGE_ROOT": "/var/lib/gridengine",
    }


def _popen(words: list[str], sink: int | IO[bytes]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=sink,
        text=True,
        start_new_session=True,
    )


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
