"""The lab by hand: ``python -m tests.live.lab up``, ``enter n1``, ``down``."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live import host, machine, network, packages, sge_lab, slurm_lab, torque
from tests.live.host import Host

TMP_MB, SHM_MB = 2048, 2048
LOCK = Path("/run/autopeft-lab.lock")


def why_not() -> str | None:
    """One sentence saying why there can be no lab here, or None; all its packages are there."""
    if reason := machine.why_not():
        return reason
    packages.install()
    return network.why_not()


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else starts or ends the lab of this machine meanwhile.

    Raises:
        RuntimeError: Somebody does.
    """
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError("a test session has the lab of this machine") from None
        yield


def up() -> dict[str, Host]:
    """Three hosts that reach each other, without schedulers; anything before them is gone."""
    down()
    machine.make_folders()
    (machine.LAB / "versions.json").write_text(json.dumps(packages.versions(), indent=1))
    hosts_file = machine.LAB / "hosts"
    hosts_file.write_text(network.hosts_file())
    binds = {"/etc/hosts": hosts_file, **slurm_lab.prepare(), **sge_lab.prepare()}
    torque.prepare()
    network.lay()
    return {
        name: host.boot(name, binds=binds, tmp_mb=TMP_MB, shm_mb=SHM_MB) for name in network.NAMES
    }


def down() -> None:
    """Nothing of the lab runs; its folder stays, for its logs. Twice is fine."""
    for name in network.NAMES:
        host.shut(name)
    network.remove()


def main(words: list[str]) -> None:
    """Do one of ``up``, ``down``, ``enter [USER@]HOST [command…]``, ``check``."""
    match words:
        case ["check"]:
            sys.exit(why_not())
        case ["up"]:
            if reason := why_not():
                sys.exit(reason)
            with alone():
                up_with_schedulers()
            print(f"up; logs and the shared folder are in {machine.LAB}")
            print(f"next: python -m tests.live.lab enter ctl   (as user {machine.USER})")
        case ["down"]:
            with alone():
                down()
        case ["enter", where, *command]:
            enter(where, command or ["bash"])
        case _:
            sys.exit(f"{main.__doc__}\n{__doc__}")


def up_with_schedulers() -> None:
    """Slurm, Grid Engine and Torque take jobs; or nothing is left."""
    try:
        hosts = up()
        slurm_lab.start(hosts)
        sge_lab.start(hosts)
    except BaseException:
        down()
        raise


def enter(where: str, command: list[str]) -> None:
    """Become this command on ``n1`` as the ordinary user, or on ``root@n1``; on this terminal."""
    user, _, name = where.rpartition("@")
    env = {"TERM": os.environ.get("TERM", "dumb")}
    words = host.found(name).entering(user or machine.USER, env=env)
    sys.stdout.flush()
    os.execvp(words[0], [*words, *command])


if __name__ == "__main__":
    main(sys.argv[1:])
