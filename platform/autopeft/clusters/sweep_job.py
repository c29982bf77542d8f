"""A sweep as one job: the command inside is ``autopeft drive RUN``."""

import sys
from collections.abc import Mapping
from pathlib import Path

from autopeft.clusters.base import Job
from autopeft.clusters.submission import CARRIED, carried
from autopeft.spec.cluster import AnyQueuedProfile, QueuedProfile
from autopeft.spec.sweep import Sweep

# The console script, not `python -m`: from a checkout's root the latter would import the folder
# mlflow/ (docs/tour.md).
DRIVE = ("autopeft", "drive")
# Where models lie was found out here, and holds there too. Tokens and passwords are not carried: a
# script can be read by whoever may read the queue.
HUB = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE")


def sweep_job(
    name: str,
    run: Path,
    profile: AnyQueuedProfile,
    *,
    program: str = "",
    environment: Mapping[str, str] | None = None,
) -> Job:
    """Return the job that drives the sweep in ``run`` on the hosts of ``profile``.

    Args:
        name: The sweep's.
        run: Its folder.
        profile: The hosts, and for how long.
        program: The full path of ``autopeft``, so that a job finds this very installation.
        environment: Exported first.
    """
    return Job(
        name=name,
        command=(program or DRIVE[0], DRIVE[1], str(run)),
        profile=profile,
        workdir=run,
        log=run / "job.log",
        records=run / "job",
        outlives_hosts=True,
        environment=environment or {},
        warning_s=profile.warning_s,
        max_requeues=profile.max_requeues,
    )


def job_of(sweep: Sweep, run: Path) -> Job:
    """Return the job of a sweep for a cluster, as it is submitted from here."""
    assert isinstance(sweep.profile, QueuedProfile)
    return sweep_job(
        sweep.name,
        run,
        sweep.profile,
        program=_program(),
        environment=carried((*CARRIED, *HUB)),
    )


def _program() -> str:
    program = Path(sys.executable).with_name(DRIVE[0])
    return str(program) if program.exists() else ""
