"""How many runs stand: on this machine by their drivers, in queues by one query for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autopeft.clusters.base import JobState
from autopeft.clusters.local import driver_of
from autopeft.clusters.queued import is_queued
from autopeft.clusters.standing import Standing, standings
from autopeft.clusters.sweep_job import job_of
from autopeft.core.errors import AutopeftError
from autopeft.spec.sweep import Sweep
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import RunFolder, run_folders_in

STOPPED = "stopped"
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Overview:
    """One run.

    Attributes:
        run: Its folder.
        state: A job's state, ``stopped`` if nothing is at work and something is left to do, or
            ``unreadable``.
        reason: Why, where that is known.
        sweep: What it searches; ``None`` if its folder cannot be read.
        history: What happened.
        standing: Its job, on a cluster.
    """

    run: RunFolder
    state: str
    reason: str = ""
    sweep: Sweep | None = None
    history: History | None = None
    standing: Standing | None = None


def runs_in(folder: Path) -> list[RunFolder]:
    """Return the runs in a folder, the oldest first."""
    return [RunFolder(run.path.resolve()) for run in sorted(run_folders_in(folder), key=_age)]


def overviews(runs: Iterable[RunFolder]) -> list[Overview]:
    """Return how runs stand, in their order."""
    read = [_read(run) for run in runs]
    jobs = {
        known.run.path: job_of(known.sweep, known.run.path)
        for known in read
        if known.sweep is not None and is_queued(known.sweep)
    }
    found = standings(jobs.values())
    return [
        _queued(known, found.get(jobs[known.run.path].records)) if known.run.path in jobs else known
        for known in read
    ]


def _read(run: RunFolder) -> Overview:
    """Return how a run stands as far as its folder and this machine tell."""
    try:
        sweep, history = run.sweep(), run.history()
    except AutopeftError as error:
        return Overview(run, UNREADABLE, str(error).partition("\n")[0])
    if history.ended is not None:
        return Overview(run, JobState.DONE, history.ended.reason, sweep, history)
    if driver_of(run) is not None:
        return Overview(run, JobState.RUNNING, "", sweep, history)
    return Overview(run, STOPPED, history.failure.partition("\n")[0], sweep, history)


def _queued(known: Overview, standing: Standing | None) -> Overview:
    """Return how a run stands whose job does; one without a job was never submitted, or is over."""
    if standing is None:
        return known
    seen = standing.seen
    reason = standing.trouble or seen.reason
    if known.state == JobState.DONE and seen.state is JobState.DONE:
        reason = known.reason
    return Overview(known.run, seen.state, reason, known.sweep, known.history, standing)


def _age(run: RunFolder) -> tuple[float, str]:
    return run.spec_file.stat().st_mtime, run.path.name
