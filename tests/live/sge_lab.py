"""Grid Engine on the lab: sge_qmaster on ctl, sge_execd on n1 and n2, a PE and a queue."""

import shutil
from pathlib import Path

from tests.live.host import Host
from tests.live.machine import LAB

SGE = LAB / "sge"

def prepare() -> dict[str, Path]:
    binds = {}
    for seen in ("/var/lib/gridengine", "/var/spool/gridengine"):
        copy = SGE / Path(seen).parent.name
        shutil.copytree(seen, copy, symlinks=True)
        binds[seen] = copy
    return binds

def start(hosts: dict[str, Host]) -> None:
    pass
