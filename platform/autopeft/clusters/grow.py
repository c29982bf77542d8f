"""More hosts for a running sweep: worker jobs of one host each.

They join it as the queue gives them, and leave before their own walltime.
"""

import time
from pathlib import Path

from autopeft.clusters.base import Job
from autopeft.clusters.dispatch import split_tasks
from autopeft.clusters.join import hosts_folder
from autopeft.clusters.submission import script_of
from autopeft.clusters.sweep_job import job_of
from autopeft.core.errors import ClusterError
from autopeft.core.places import private_folder, write_text
from autopeft.spec.cluster import QueuedProfile
from autopeft.spec.sweep import Sweep


def worker_jobs(sweep: Sweep, run: Path, hosts: int, *, walltime: str = "", queue: str = "") -> Job:
    """Return an array of single hosts that join the sweep in ``run``; its script is written.

    Args:
        sweep: Its profile says what a host looks like.
        run: The run folder.
        hosts: How many.
        walltime: Otherwise than the sweep's own.
        queue: Otherwise than the sweep's own.

    Raises:
        ClusterError: The sweep runs on this machine.
    """
    if not isinstance(sweep.profile, QueuedProfile):
        raise ClusterError(f"{run.name}: it runs on this machine; only a sweep on a cluster grows")
    changes = {"walltime": walltime, "queue": queue}
    words = sweep.profile.model_dump(mode="json") | {k: v for k, v in changes.items() if v}
    profile = type(sweep.profile).model_validate(words | {"hosts": 1, "min_hosts": None})
    folder = private_folder(hosts_folder(run) / f"grown-{time.strftime('%Y%m%d-%H%M%S')}")
    driver = job_of(sweep, run)
    program, _, path = driver.command
    job = Job(
        name=f"{sweep.name}-worker",
        command=(program, "join", path, *_shape(profile)),
        profile=profile,
        workdir=run,
        log=folder / "worker.log",
        records=folder,
        chunks=split_tasks(hosts, 1),
        task_count=hosts,
        environment=driver.environment,
        warning_s=profile.warning_s,
    )
    write_text(job.script, script_of(job))
    return job


def _shape(profile: QueuedProfile) -> list[str]:
    words = [f"--gpus={profile.gpus_per_host}"]
    words += [f"--cpus={profile.cpus_per_host}"] if profile.cpus_per_host else []
    words += [f"--memory={profile.memory_gb:g}"] if profile.memory_gb else []
    return [*words, *([f"--interface={profile.interface}"] if profile.interface else [])]
