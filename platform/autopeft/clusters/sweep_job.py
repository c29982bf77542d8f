"""A sweep as one job: the command inside is ``autopeft drive RUN``."""

from pathlib import Path

from autopeft.clusters.base import Job
from autopeft.spec.cluster import AnyQueuedProfile

# The console script, not `python -m`: from a checkout's root the latter would import the folder
# mlflow/ (docs/tour.md).
DRIVE = ("autopeft", "drive")


def sweep_job(name: str, run: Path, profile: AnyQueuedProfile, *, program: str = "") -> Job:
    """Return the job that drives the sweep in ``run`` on the hosts of ``profile``.

    Args:
        name: The sweep's.
        run: Its folder.
        profile: The hosts, and for how long.
        program: The full path of ``autopeft``, so that a job finds this very installation.
    """
    return Job(
        name=name,
        command=(program or DRIVE[0], DRIVE[1], str(run)),
        profile=profile,
        workdir=run,
        log=run / "job.log",
        records=run / "job",
        outlives_hosts=True,
        warning_s=profile.warning_s,
        requeue=profile.max_requeues > 0,
    )
