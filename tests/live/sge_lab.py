"""Grid Engine on the lab: sge_qmaster on ctl, sge_execd on n1 and n2, a queue and its PEs."""

import subprocess
from pathlib import Path

from tests.live.host import Host
from tests.live.machine import LAB
from tests.live.waiting import until

SGE = LAB / "sge"
COMPUTING = ("n1", "n2")
QUEUE = "lab.q"
ADMIN = "sgeadmin"

# `ray` gives one slot on each host, as a site's whole-node PE does; `smp` all slots on one.
# control_slaves lets `qrsh -inherit` reach the other hosts of a job.
PARALLEL_ENVIRONMENTS = {"ray": "1", "smp": "$pe_slots"}
PE = """\
pe_name            {name}
slots              99
user_lists         NONE
xuser_lists        NONE
start_proc_args    NONE
stop_proc_args     NONE
allocation_rule    {rule}
control_slaves     TRUE
job_is_first_task  FALSE
urgency_slots      min
accounting_summary FALSE
qsort_args         NONE
"""
HOST_GROUP = f"group_name @lab\nhostlist {' '.join(COMPUTING)}\n"
# Changes to what Debian ships: seconds where it has minutes, and slots whatever this machine has.
CLUSTER = {
    "load_report_time": "00:00:03",
    "max_unheard": "00:00:15",
    "reporting_params": "accounting=true reporting=true flush_time=00:00:01 "
    "accounting_flush_time=00:00:01 joblog=true sharelog=00:00:00",
    "shell_start_mode": "unix_behavior",
}
SCHEDULER = {"schedule_interval": "0:0:1", "flush_submit_sec": "1", "flush_finish_sec": "1"}
QUEUE_CHANGES = {
    "qname": QUEUE,
    "hostlist": "@lab",
    "slots": "4",
    "pe_list": " ".join(PARALLEL_ENVIRONMENTS),
    "shell": "/bin/bash",
    "shell_start_mode": "unix_behavior",
    "load_thresholds": "NONE",
    "min_cpu_interval": "00:00:05",
    "notify": "00:00:10",
}


def prepare() -> dict[str, Path]:
    """An unused cell as the package made it is there; return what hosts see where.

    Hosts see the copy in the package's place, so this machine's own cell is never touched.
    """
    SGE.mkdir()
    binds = {}
    for seen, copy in (("/var/lib/gridengine", "root"), ("/var/spool/gridengine", "spool")):
        subprocess.run(["cp", "--archive", seen, SGE / copy], check=True)
        binds[seen] = SGE / copy
    (SGE / "root" / "default" / "common" / "act_qmaster").write_text("ctl\n")
    return binds


def start(hosts: dict[str, Host]) -> None:
    """Both computing hosts take jobs."""
    ctl = hosts["ctl"]
    ctl.do("sge_qmaster", cwd=SGE)
    until("sge_qmaster answers", lambda: ctl.run("qconf", "-sh").returncode == 0)
    for name in COMPUTING:
        _qconf(ctl, "-ah", name)
    for name in ("ctl", *COMPUTING):
        _qconf(ctl, "-as", name)
    _qconf_file(ctl, "-Mconf", "global", changed(_qconf(ctl, "-sconf"), CLUSTER))
    _qconf_file(ctl, "-Msconf", "scheduler", changed(_qconf(ctl, "-ssconf"), SCHEDULER))
    for name in COMPUTING:
        start_execd(hosts[name])
    until("n1 and n2 are known", lambda: _qconf(ctl, "-sel").split() == list(COMPUTING))
    _qconf_file(ctl, "-Ahgrp", "hosts", HOST_GROUP)
    for name, rule in PARALLEL_ENVIRONMENTS.items():
        _qconf_file(ctl, "-Ap", name, PE.format(name=name, rule=rule))
    _qconf_file(ctl, "-Aq", "queue", changed(_qconf(ctl, "-sq"), QUEUE_CHANGES))
    until("n1 and n2 take jobs", lambda: ready(ctl) == list(COMPUTING))


def start_execd(host: Host) -> None:
    """The host's sge_execd runs; also after it was killed."""
    host.do("sge_execd", cwd=SGE)


def ready(ctl: Host) -> list[str]:
    """The hosts whose instance of the queue has no letter in its state, such as u for unheard."""
    rows = [line.split() for line in ctl.do("qstat", "-f").splitlines()]
    # queue@host, type, slots, load, architecture, and a state only where something is amiss
    return sorted(
        row[0].partition("@")[2] for row in rows if row[0].startswith(QUEUE) and len(row) == 5
    )


def changed(text: str, changes: dict[str, str]) -> str:
    """A configuration as ``qconf -s…`` prints it, with other values.

    Example:
        >>> changed("a  1\\nb  2 \\\\\\n   3\\n", {"b": "4"})
        'a 1\\nb 4\\n'
    """
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    pairs = dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    missing = changes.keys() - pairs.keys()
    assert not missing, f"this Grid Engine knows no {missing}"
    return "".join(f"{key} {value.strip()}\n" for key, value in (pairs | changes).items())


def _qconf(ctl: Host, *words: str) -> str:
    return ctl.do("qconf", *words, user=ADMIN, cwd=SGE)


def _qconf_file(ctl: Host, option: str, name: str, text: str) -> None:
    """qconf changes from files; for the global configuration the file's name is the object."""
    (SGE / name).write_text(text)
    _qconf(ctl, option, str(SGE / name))
