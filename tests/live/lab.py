"""The lab by hand: ``python -m tests.live.lab up``, ``enter n1``, ``down``."""

import json
import os
import sys
from pathlib import Path

from tests.live import host, machine, network, packages, sge_lab, slurm_lab
from tests.live.host import Host

TMP_MB, SHM_MB = 2048, 2048


def up() -> dict[str, Host]:
    """Three hosts that reach each other, without schedulers; anything before them is gone."""
    down()
    versions = packages.install()
    machine.make_folders()
    (machine.LAB / "versions.json").write_text(json.dumps(versions, indent=1))
    hosts_file = machine.LAB / "hosts"
    hosts_file.write_text(network.hosts_file())
    binds = {"/etc/hosts": hosts_file, **slurm_lab.prepare(), **sge_lab.prepare()}
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
    """Do one of ``up``, ``down``, ``enter HOST [command…]``."""
    match words:
        case ["up"]:
            if reason := machine.why_not():
                sys.exit(reason)
            hosts = up()
            slurm_lab.start(hosts)
            sge_lab.start(hosts)
            print(f"up: {' '.join(hosts)}; logs and the shared folder are in {machine.LAB}")
            print(f"next: python -m tests.live.lab enter ctl   (as user {machine.USER})")
        case ["down"]:
            down()
        case ["enter", name, *command]:
            enter(name, command or ["bash"])
        case _:
            sys.exit(f"{main.__doc__}\n{__doc__}")


def enter(name: str, command: list[str]) -> None:
    """Become this command on the host, as the ordinary user, on this terminal."""
    words = host.found(name).entering(machine.USER, env={"TERM": os.environ.get("TERM", "dumb")})
    sys.stdout.flush()
    os.execvp(words[0], [*words, *command])


if __name__ == "__main__":
    main(sys.argv[1:])
