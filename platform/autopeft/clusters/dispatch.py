"""Any command through any scheduler: written, submitted, watched, skipped where done, cancelled.

Beside a log ``prep.log`` stands the folder ``prep.log.job`` with the script, the markers and the
id. A dispatcher that was killed is taken up by the next: it finds the job that still runs, or runs
what is not done.
"""

import hashlib
import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from autopeft.clusters import DIALECTS
from autopeft.clusters.base import Chunk, Dialect, Job, JobState, Seen, key
from autopeft.clusters.poller import Poller
from autopeft.clusters.processes import Processes, run_here
from autopeft.clusters.script import render
from autopeft.clusters.shell import capture
from autopeft.clusters.watch import Watch
from autopeft.core.errors import ClusterError
from autopeft.core.places import private_folder, write_json, write_text
from autopeft.spec.cluster import QueuedProfile

Found = dict[Chunk | None, Seen]
Say = Callable[[str], None]

LAST_LINES = 12


def split_tasks(count: int, per_job: int) -> tuple[Chunk, ...]:
    """Return tasks 1 … ``count`` in chunks of ``per_job``, the last one perhaps smaller.

    Example:
        >>> [(chunk.start, chunk.size) for chunk in split_tasks(5, 2)]
        [(1, 2), (3, 2), (5, 1)]
    """
    starts = range(1, count + 1, per_job)
    return tuple(Chunk(start, min(per_job, count + 1 - start)) for start in starts)


def script_of(job: Job) -> str:
    """Return the script that would be submitted."""
    local = not isinstance(job.profile, QueuedProfile)
    return render(job, Processes() if local else _dialect(job))


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
    records = private_folder(job.records)
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
            lambda left, script: run_here(left, script, slots=slots, tell=_teller(left, say)),
        )  # fmt: skip
    with Poller(_dialect(job), every_s=job.profile.query_every_s) as poller:
        if attached := _still_running(job, poller):
            there, job_id = attached
            say(f"{job.name}: {job_id} was submitted before and is still there; watching it")
            return _follow(there, job_id, poller, say)
        return _run_what_is_left(
            job, tasks, again, say,
            lambda left, script: _follow(left, _submit(left, script, say), poller, say),
        )  # fmt: skip


def _run_what_is_left(
    job: Job,
    tasks: Sequence[str],
    again: bool,
    say: Say,
    run: Callable[[Job, Path], Found],
) -> Found:
    """Run the elements that are not done, by ``run``; return these and those."""
    done = {} if again else _done(job, tasks)
    if done:
        say(_skipped(done))
    chunks = tuple(chunk for chunk in job.chunks if chunk not in done)
    if None in done or (job.chunks and not chunks):
        return done
    left = replace(job, chunks=chunks)
    return {**done, **run(left, _write(left, tasks, whole=job))}


# Before


def _done(job: Job, tasks: Sequence[str]) -> Found:
    """Return what an earlier run of the very same job has done already."""
    try:
        before = (job.records / "job.json").read_text(encoding="utf-8")
    except OSError:
        return {}
    if json.loads(before) != _identity(job, tasks):
        return {}
    chunks: Sequence[Chunk | None] = job.chunks or (None,)
    return {c: Seen(JobState.DONE, 0, "before") for c in chunks if _marker(job, c) == "0"}


def _marker(job: Job, chunk: Chunk | None) -> str:
    try:
        return job.marker(chunk).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


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


def _write(job: Job, tasks: Sequence[str], *, whole: Job) -> Path:
    """Write the script and the task lists; remove what earlier runs left."""
    for chunk in job.chunks or (None,):
        job.marker(chunk).unlink(missing_ok=True)
        job.heartbeat(chunk).unlink(missing_ok=True)
        job.log_of(chunk).unlink(missing_ok=True)
        if chunk is not None and job.task_list:
            own = tasks[chunk.start - 1 : chunk.start - 1 + chunk.size]
            write_text(job.tasks_of(chunk), "\n".join(own) + "\n")
    for path in job.records.glob("scheduler*.log"):
        path.unlink(missing_ok=True)
    script = job.records / "script.sh"
    write_text(script, script_of(job))
    write_json(job.records / "job.json", _identity(whole, tasks))
    return script


# Submitting and following


def _dialect(job: Job) -> Dialect:
    dialect: Dialect = DIALECTS.load(job.profile.kind)()
    return dialect


def _submit(job: Job, script: Path, say: Say) -> str:
    """Submit; a Ctrl-C meanwhile is heard once the id is known and noted.

    Raises:
        ClusterError: The scheduler refuses, in its own words.
    """
    dialect = _dialect(job)
    command = dialect.submit(script)
    blocked = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        reply = capture(command)
        if reply.code != 0:
            raise ClusterError(f"{command[0]} refuses {job.name}: {reply.words}")
        job_id = dialect.job_id(reply.out)
        chunks = [[chunk.start, chunk.size] for chunk in job.chunks]
        note = {"id": job_id, "kind": dialect.kind, "chunks": chunks}
        write_json(job.records / "submitted.json", note)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
    say(f"{job.name}: submitted as {job_id}")
    return job_id


def _follow(job: Job, job_id: str, poller: Poller, say: Say) -> Found:
    """Watch until the end; cancel if anything ends this early."""
    assert isinstance(job.profile, QueuedProfile)
    watch, tell, trouble = Watch(job, job_id, poller=poller), _teller(job, say), ""
    pause_s = min(job.profile.query_every_s / 2, 5)
    try:
        while True:
            for chunk, seen in watch.look().items():
                tell(chunk, seen)
            if watch.trouble and watch.trouble != trouble:
                say(f"the scheduler does not answer, still waiting: {watch.trouble}")
            trouble = watch.trouble
            if watch.is_over:
                break
            time.sleep(pause_s)
    except BaseException:
        _cancel(job, job_id, say)
        raise
    if any(seen.state is JobState.LOST for seen in watch.found.values()):
        _cancel(job, job_id, say)  # a host may come back, and the job with it
    (job.records / "submitted.json").unlink(missing_ok=True)
    return watch.found


def _cancel(job: Job, job_id: str, say: Say) -> None:
    """Cancel; that the job is over already is fine."""
    dialect = _dialect(job)
    try:
        reply = capture(dialect.cancel([job_id]))
    except ClusterError as error:
        say(f"{job.name}: {job_id} may still be there: {error}")
        return
    if reply.code == 0 or dialect.is_unknown(reply.words):
        say(f"{job.name}: {job_id} is cancelled")
        (job.records / "submitted.json").unlink(missing_ok=True)
    else:
        say(f"{job.name}: {job_id} could not be cancelled: {reply.words}")


def _still_running(job: Job, poller: Poller) -> tuple[Job, str] | None:
    """Return the job that a killed dispatcher left behind, if it has not ended.

    Raises:
        ClusterError: The scheduler does not say whether it is there.
    """
    try:
        note = json.loads((job.records / "submitted.json").read_text(encoding="utf-8"))
    except OSError:
        return None
    if note["kind"] != _dialect(job).kind:
        return None
    job_id, number = note["id"], key(note["id"])
    while not (answers := poller.ask([job_id])).queries.get(number):
        if answers.trouble:
            raise ClusterError(
                f"whether {job_id}, submitted before, still runs is not known: {answers.trouble}"
            )
        time.sleep(0.1)
    names = [name for name in answers.seen if name.partition("_")[0] == number]
    if all(answers.seen[name].state.is_final for name in names):
        return None
    return replace(job, chunks=tuple(Chunk(start, size) for start, size in note["chunks"])), job_id


# Telling


def _teller(job: Job, say: Say) -> Callable[[Chunk | None, Seen], None]:
    """Return what says a change, and of a failure the last lines of its log."""

    def tell(chunk: Chunk | None, seen: Seen) -> None:
        said = " ".join(filter(None, (_name(job, chunk), seen.state.value)))
        if seen.state is JobState.FAILED and seen.exit_code:
            said += f" with exit code {seen.exit_code}"
        say(said + (f": {seen.reason}" if seen.reason else ""))
        if seen.state in (JobState.FAILED, JobState.LOST):
            for line in _last_lines(job, chunk):
                say(f"  | {line}")
            say(f"  {job.log_of(chunk)}")

    return tell


def _name(job: Job, chunk: Chunk | None) -> str:
    if chunk is None:
        return f"{job.name}:"
    last = chunk.start + chunk.size - 1
    return f"{job.name} {chunk.start}{f'-{last}' if last > chunk.start else ''}:"


def _last_lines(job: Job, chunk: Chunk | None) -> list[str]:
    """Return the end of the log, or of what the scheduler itself wrote if there is none."""
    own = [path for path in job.records.iterdir() if path.name.startswith(("scheduler", job.name))]
    for path in (job.log_of(chunk), *sorted(own, key=lambda path: path.stat().st_mtime)[-1:]):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        if lines:
            return lines[-LAST_LINES:]
    return []
