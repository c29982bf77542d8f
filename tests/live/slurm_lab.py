"""Slurm on the lab: munge and slurmctld on ctl, slurmd on n1 and n2."""

import os
import pwd
import secrets
from pathlib import Path

from tests.live.host import Host
from tests.live.machine import LAB
from tests.live.waiting import until

SLURM = LAB / "slurm"
MUNGE = LAB / "munge"
CONFIG = SLURM / "etc" / "slurm.conf"
# What `sacct --completion` reads: there is no slurmdbd here. See README.md.
FINISHED_JOBS = SLURM / "finished-jobs.txt"
COMPUTING = ("n1", "n2")

# CPUs are pretended, so that two jobs fit beside each other whatever this machine has.
# cred_expire is also how long a requeued job waits before it may start again (default 120 s).
SLURM_CONF = f"""\
ClusterName=lab
SlurmctldHost=ctl
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={MUNGE}/socket,cred_expire=10
StateSaveLocation={SLURM}/state
SlurmdSpoolDir={SLURM}/spool-%n
SlurmctldPidFile={SLURM}/slurmctld.pid
SlurmdPidFile={SLURM}/slurmd-%n.pid
SlurmctldLogFile={SLURM}/slurmctld.log
SlurmdLogFile={SLURM}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
JobCompType=jobcomp/filetxt
JobCompLoc={FINISHED_JOBS}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobRequeue=1
ReturnToService=2
KillWait=30
CompleteWait=0
InactiveLimit=0
MinJobAge=600
SlurmdTimeout=15
MessageTimeout=5
TCPTimeout=2
UnkillableStepTimeout=10
NodeName=n[1-2] CPUs=4 Boards=1 SocketsPerBoard=1 CoresPerSocket=4 ThreadsPerCore=1 \
RealMemory=8000 State=UNKNOWN
PartitionName=lab Nodes=n[1-2] Default=YES MaxTime=60 DefaultTime=10 State=UP
"""
# Unsaid, slurmd looks for a cgroup file system before anything uses it; a container has none.
CGROUP_CONF = "CgroupPlugin=cgroup/v1\n"


def prepare() -> dict[str, Path]:
    """Slurm's folders are there, empty of any former cluster; return what hosts see where."""
    for folder in (CONFIG.parent, SLURM / "state", MUNGE):
        folder.mkdir(parents=True)
    CONFIG.write_text(SLURM_CONF)
    CONFIG.with_name("cgroup.conf").write_text(CGROUP_CONF)
    key = MUNGE / "key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    MUNGE.chmod(0o711)
    owner = pwd.getpwnam("munge")
    for path in (MUNGE, key):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    Path("/etc/slurm").mkdir(exist_ok=True)
    return {"/etc/slurm": CONFIG.parent}


def start(hosts: dict[str, Host]) -> None:
    """Both computing hosts are idle."""
    ctl = hosts["ctl"]
    files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
    options = [f"--{name}={MUNGE}/{file}" for name, file in (files | {"seed-file": "seed"}).items()]
    ctl.do("munged", *options, user="munge", cwd=MUNGE)
    ctl.do("slurmctld", "-i", cwd=SLURM)
    for name in COMPUTING:
        start_slurmd(hosts[name])
    until("n1 and n2 are idle in Slurm", lambda: idle(ctl) == list(COMPUTING), within_s=30)
    # slurmctld makes it its own; sacct opens it for writing, whoever asks.
    FINISHED_JOBS.chmod(0o666)


def start_slurmd(host: Host) -> None:
    """The host's slurmd runs; also after it was killed."""
    host.do("slurmd", "-N", host.name, cwd=SLURM)


def idle(ctl: Host) -> list[str]:
    """The names of the hosts that wait for work."""
    listed = ctl.run("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N %T")
    return sorted(line.split()[0] for line in listed.stdout.splitlines() if line.endswith(" idle"))
