"""Any command through any scheduler: written, submitted, watched, skipped where done, cancelled.

Beside a log ``prep.log`` stands the folder ``prep.log.job`` with the script, the markers and the
id. A dispatcher that was killed is taken up by the next: it finds the job that still runs, or runs
what is not done.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from filelock import FileLock, Timeout

from autopeft.clusters.base import Chunk, Job, JobState, Seen, key
from autopeft.clusters.poller import Poller
from autopeft.clusters.processes import run_here
from autopeft.clusters.submission import (
    Submission,
    cancel,
    dialect_of,
    forget,
    script_of,
    submit,
    submitted,
)
from autopeft.clusters.telling import Found, Say, Teller, schedulers_own
from autopeft.clusters.watch import Watch
from autopeft.core.errors import ClusterError
from autopeft.core.places import private_folder, write_json, write_text
from autopeft.spec.cluster import QueuedProfile


def split_tasks(count: int, per_job: int) -> tuple[Chunk, ...]:
    """Return tasks 1 … ``count`` in chunks of ``per_job``, the last one perhaps smaller.

    Example:
        >>> [(chunk.start, chunk.size) for chunk in split_tasks(5, 2)]
        [(1, 2), (3, 2), (5, 1)]
    """
    starts = range(1, count + 1, per_job)
    return tuple(Chunk(start, min(per_job, count + 1 - start)) for start in starts)


def dispatch(
    job: Job,
    *,
    tasks: Sequence[str] = (),
    slots: int = 1,
    again: bool = False,
    say: Say = lambda text: None,
) -> Found:
    """Run ``job`` to its end; return what became of each element, the skipped ones included.

    Args:
        job: What to run, all its chunks.
        tasks: The lines of the task list, if there is one.
        slots: How many elements run side by side on this machine.
        again: Run also what is done.
        say: Called with each sentence of progress.

    Raises:
        ClusterError: The job cannot be submitted, or another dispatcher is at work on it.
        KeyboardInterrupt: After the job has been cancelled.
    """
    try:
        records = private_folder(job.records)
    except OSError as error:
        raise ClusterError(f"{job.records}: cannot be written: {error.strerror}") from error
    lock = FileLock(str(records / "lock"), timeout=0, mode=0o600)
    try:
        with lock:
            return _dispatch(job, tasks=tasks, slots=slots, again=again, say=say)
    except Timeout:
        raise ClusterError(f"{job.log}: another dispatcher is at work on it") from None


def exit_code(found: Found) -> int:
    """Return 0 if all is done, else the exit code of the first that failed; 1 if it has none."""
    failed = [seen for seen in found.values() if seen.state is not JobState.DONE]
    return (failed[0].exit_code or 1) if failed else 0


def _dispatch(job: Job, *, tasks: Sequence[str], slots: int, again: bool, say: Say) -> Found:
    if not isinstance(job.profile, QueuedProfile):
        return _run_what_is_left(
            job, tasks, again, say,
            lambda left: _run_here(left, slots, say),
        )  # fmt: skip
    with Poller(dialect_of(job.profile.kind), every_s=job.profile.query_every_s) as poller:
        if attached := _still_running(job, tasks, poller):
            there, before = attached
            say(f"{job.name}: {before.id} was submitted before and is still there; watching it")
            with _cancelling(job, say):
                return _follow(there, before, poller, say)
        forget(job.records)  # of one that is over
        with _cancelling(job, say):
            return _run_what_is_left(
                job, tasks, again, say,
                lambda left: _follow(left, _submit(left, say), poller, say),
            )  # fmt: skip


def _run_what_is_left(
    job: Job,
    tasks: Sequence[str],
    again: bool,
    say: Say,
    run: Callable[[Job], Found],
) -> Found:
    """Run the elements that are not done, by ``run``; return these and those."""
    done = {} if again else _done(job, tasks)
    if done:
        say(_skipped(done))
    chunks = tuple(chunk for chunk in job.chunks if chunk not in done)
    if None in done or (job.chunks and not chunks):
        return done
    left = replace(job, chunks=chunks)
    _write(left, tasks, whole=job)
    return {**done, **run(left)}


# Before


def _done(job: Job, tasks: Sequence[str]) -> Found:
    """Return what an earlier run of the very same job has done already."""
    if not _is_same_work(job, tasks):
        return {}
    chunks: Sequence[Chunk | None] = job.chunks or (None,)
    return {c: Seen(JobState.DONE, 0, "before") for c in chunks if _marker(job, c) == "0"}


def _marker(job: Job, chunk: Chunk | None) -> str:
    try:
        return job.marker(chunk).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _is_same_work(job: Job, tasks: Sequence[str]) -> bool:
    """Whether the last run under this log was of the very same command and tasks."""
    try:
        before = (job.records / "job.json").read_text(encoding="utf-8")
    except OSError:
        return False
    same: bool = json.loads(before) == _identity(job, tasks)
    return same


def _identity(job: Job, tasks: Sequence[str]) -> dict[str, Any]:
    """Return what makes two jobs the same work."""
    listed = hashlib.blake2b("\n".join(tasks).encode(), digest_size=16).hexdigest()
    return {
        "command": list(job.command),
        "workdir": str(job.workdir),
        "tasks": [[chunk.start, chunk.size] for chunk in job.chunks],
        "list": listed if tasks else "",
    }


def _skipped(done: Found) -> str:
    if None in done:
        return "done already; --again runs it once more"
    sizes = sum(chunk.size for chunk in done if chunk is not None)
    return f"{sizes} task{'s' if sizes > 1 else ''} done already; --again runs them once more"


def _write(job: Job, tasks: Sequence[str], *, whole: Job) -> None:
    """Write the script and the task lists; remove what earlier runs left."""
    for chunk in job.chunks or (None,):
        job.marker(chunk).unlink(missing_ok=True)
        job.heartbeat(chunk).unlink(missing_ok=True)
        job.log_of(chunk).unlink(missing_ok=True)
        if chunk is not None and job.task_list:
            own = tasks[chunk.start - 1 : chunk.start - 1 + chunk.size]
            write_text(job.tasks_of(chunk), "\n".join(own) + "\n")
    for path in schedulers_own(job):
        path.unlink(missing_ok=True)
    write_text(job.script, script_of(job))
    write_json(job.records / "job.json", _identity(whole, tasks))


# Submitting and following


def _submit(job: Job, say: Say) -> Submission:
    submission = submit(job)
    say(f"{job.name}: submitted as {submission.id}")
    return submission


def _run_here(job: Job, slots: int, say: Say) -> Found:
    teller = Teller(job, say)
    found = run_here(job, slots=slots, tell=teller.tell)
    teller.progress(last=True)
    return found


def _follow(job: Job, submission: Submission, poller: Poller, say: Say) -> Found:
    """Watch until the end."""
    assert isinstance(job.profile, QueuedProfile)
    watch, teller, trouble = Watch(job, submission.id, poller=poller), Teller(job, say), ""
    pause_s = min(job.profile.query_every_s / 2, 5)
    while True:
        for chunk, seen in watch.look().items():
            teller.tell(chunk, seen)
        if watch.trouble and watch.trouble != trouble:
            say(f"the scheduler does not answer, still waiting: {watch.trouble}")
        trouble = watch.trouble
        if watch.is_over:
            break
        time.sleep(pause_s)
    teller.progress(last=True)
    if any(seen.exit_code is None for seen in watch.found.values()):
        # A host may come back, and its job with it; Grid Engine keeps a job in error for ever.
        _cancelled(job, submission)
    forget(job.records)
    return watch.found


@contextmanager
def _cancelling(job: Job, say: Say) -> Iterator[None]:
    """Cancel what is submitted on Ctrl-C. Whatever else goes wrong here leaves the job alone."""
    try:
        yield
    except KeyboardInterrupt:
        if submission := submitted(job.records):
            say(_cancelled(job, submission))
        raise


def _cancelled(job: Job, submission: Submission) -> str:
    """Cancel; return how that went."""
    try:
        cancel(submission)
    except ClusterError as error:
        return f"{job.name}: {submission.id} may still be there: {error}"
    forget(job.records)
    return f"{job.name}: {submission.id} is cancelled"


def _still_running(job: Job, tasks: Sequence[str], poller: Poller) -> tuple[Job, Submission] | None:
    """Return the job that a killed dispatcher left behind, if it has not ended.

    Raises:
        ClusterError: The scheduler does not say whether it is there, or it is other work.
    """
    note = submitted(job.records)
    if note is None or note.kind != job.profile.kind:
        return None
    number = key(note.id)
    while not (answers := poller.ask([note.id])).queries.get(number):
        if answers.trouble:
            raise ClusterError(
                f"whether {note.id}, submitted before, still runs is not known: {answers.trouble}"
            )
        time.sleep(0.1)
    names = [name for name in answers.seen if name.partition("_")[0] == number]
    if all(answers.seen[name].state.is_final for name in names):
        return None
    if not _is_same_work(job, tasks):
        raise ClusterError(
            f"{job.log}: {note.id}, another command under this log, is still there; cancel it, or "
            "choose another log"
        )
    return replace(job, chunks=note.chunks), note
