"""Any command through any scheduler: written, submitted, watched, skipped where done, cancelled.

Beside a log ``prep.log`` stands the folder ``prep.log.job`` with the script, the markers and the
id. A dispatcher that was killed is taken up by the next: it finds the job that still runs, or runs
what is not done.
"""

import hashlib
import json
import signal
import time
from collections import Counter
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
SUBMIT_WITHIN_S = 300
PROGRESS_EVERY_S = 2.0


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
            lambda left, script: _run_here(left, script, slots, say),
        )  # fmt: skip
    with Poller(_dialect(job), every_s=job.profile.query_every_s) as poller:
        if attached := _still_running(job, tasks, poller):
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


def _write(job: Job, tasks: Sequence[str], *, whole: Job) -> Path:
    """Write the script and the task lists; remove what earlier runs left."""
    for chunk in job.chunks or (None,):
        job.marker(chunk).unlink(missing_ok=True)
        job.heartbeat(chunk).unlink(missing_ok=True)
        job.log_of(chunk).unlink(missing_ok=True)
        if chunk is not None and job.task_list:
            own = tasks[chunk.start - 1 : chunk.start - 1 + chunk.size]
            write_text(job.tasks_of(chunk), "\n".join(own) + "\n")
    for path in _schedulers_own(job):
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
        reply = capture(command, timeout_s=SUBMIT_WITHIN_S)
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


def _run_here(job: Job, script: Path, slots: int, say: Say) -> Found:
    teller = _Teller(job, say)
    found = run_here(job, script, slots=slots, tell=teller.tell)
    teller.progress(last=True)
    return found


def _follow(job: Job, job_id: str, poller: Poller, say: Say) -> Found:
    """Watch until the end; Ctrl-C cancels. Whatever else goes wrong here leaves the job alone."""
    assert isinstance(job.profile, QueuedProfile)
    watch, teller, trouble = Watch(job, job_id, poller=poller), _Teller(job, say), ""
    pause_s = min(job.profile.query_every_s / 2, 5)
    try:
        while True:
            for chunk, seen in watch.look().items():
                teller.tell(chunk, seen)
            if watch.trouble and watch.trouble != trouble:
                say(f"the scheduler does not answer, still waiting: {watch.trouble}")
            trouble = watch.trouble
            if watch.is_over:
                break
            time.sleep(pause_s)
    except KeyboardInterrupt:
        say(_cancelled(job, job_id))
        raise
    teller.progress(last=True)
    if any(seen.exit_code is None for seen in watch.found.values()):
        # A host may come back, and its job with it; Grid Engine keeps a job in error for ever.
        _cancelled(job, job_id)
    (job.records / "submitted.json").unlink(missing_ok=True)
    return watch.found


def _cancelled(job: Job, job_id: str) -> str:
    """Cancel; return how that went. That the job is over already is fine."""
    dialect = _dialect(job)
    try:
        reply = capture(dialect.cancel([job_id]))
    except ClusterError as error:
        return f"{job.name}: {job_id} may still be there: {error}"
    if reply.code == 0 or dialect.is_unknown(reply.words):
        (job.records / "submitted.json").unlink(missing_ok=True)
        return f"{job.name}: {job_id} is cancelled"
    return f"{job.name}: {job_id} could not be cancelled: {reply.words}"


def _still_running(job: Job, tasks: Sequence[str], poller: Poller) -> tuple[Job, str] | None:
    """Return the job that a killed dispatcher left behind, if it has not ended.

    Raises:
        ClusterError: The scheduler does not say whether it is there, or it is other work.
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
    if not _is_same_work(job, tasks):
        raise ClusterError(
            f"{job.log}: {job_id}, another command under this log, is still there; cancel it, or "
            "choose another log"
        )
    return replace(job, chunks=tuple(Chunk(start, size) for start, size in note["chunks"])), job_id


# Telling


class _Teller:
    """Says what changes: of a single job all, of an array failures and now and then the counts."""

    def __init__(self, job: Job, say: Say) -> None:
        self._job, self._say = job, say
        self._found: Found = {chunk: Seen(JobState.PENDING) for chunk in job.chunks or (None,)}
        self._said, self._said_at = "", float("-inf")

    def tell(self, chunk: Chunk | None, seen: Seen) -> None:
        """Say what has become of an element; of a failure also the last lines of its log."""
        self._found[chunk] = seen
        failed = seen.state in (JobState.FAILED, JobState.LOST)
        if chunk is not None and not failed:
            self.progress()
            return
        code = f" with exit code {seen.exit_code}" if failed and seen.exit_code else ""
        reason = f": {seen.reason}" if seen.reason else ""
        self._say(f"{_name(self._job, chunk)}: {seen.state.value}{code}{reason}")
        if failed:
            for line in _last_lines(self._job, chunk):
                self._say(f"  | {line}")
            self._say(f"  {self._job.log_of(chunk)}")

    def progress(self, *, last: bool = False) -> None:
        """Say how many elements are where, not too often."""
        if not self._job.chunks:
            return
        counts = Counter(seen.state for seen in self._found.values())
        said = ", ".join(f"{counts[state]} {state}" for state in JobState if counts[state])
        now = time.monotonic()
        if said != self._said and (last or now - self._said_at >= PROGRESS_EVERY_S):
            self._say(f"{self._job.name}: {said}")
            self._said, self._said_at = said, now


def _name(job: Job, chunk: Chunk | None) -> str:
    if chunk is None:
        return job.name
    last = chunk.start + chunk.size - 1
    return f"{job.name} {chunk.start}{f'-{last}' if last > chunk.start else ''}"


def _last_lines(job: Job, chunk: Chunk | None) -> list[str]:
    """Return the end of the log, and of what the scheduler itself wrote about it."""
    own = [line for path in _schedulers_own(job, chunk) for line in _lines(path)]
    return [*_lines(job.log_of(chunk))[-LAST_LINES:], *own[-LAST_LINES // 2 :]]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _schedulers_own(job: Job, chunk: Chunk | None = None) -> list[Path]:
    """Return the files that the scheduler wrote: of one element, or all of them.

    Slurm's are named by us, Grid Engine's and PBS's are ``NAME.oID`` and ``NAME.oID.INDEX``.
    """
    index = job.chunks.index(chunk) + 1 if chunk is not None and job.array_size else 0
    patterns = ("scheduler*.log", "*.o[0-9]*") if not index else (f"*_{index}.log", f"*.o*.{index}")
    return sorted(path for pattern in patterns for path in job.records.glob(pattern))
