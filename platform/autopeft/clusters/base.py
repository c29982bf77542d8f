"""A job, what may become of it, and what a scheduler must be able to say: one Dialect each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Protocol

from autopeft.core.errors import ClusterError
from autopeft.spec.cluster import AnyProfile

# The exit code by which `autopeft drive` says: stopped in time, all is written, go on in a new
# allocation (EX_TEMPFAIL of sysexits.h).
CONTINUE = 75
# Exported by the script of a job that is warned: when it began, in seconds since 1970.
BEGAN = "JOB_BEGAN"
# Among a job's records: the id by which it was submitted.
NOTE = "submitted.json"


class JobState(StrEnum):
    """What has become of a job, or of one element of an array."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self in (JobState.DONE, JobState.FAILED, JobState.LOST)


@dataclass(frozen=True, slots=True)
class Seen:
    """A state, its exit code where one is known, and the reason in words.

    Both what a scheduler says of a job and what is concluded in the end are of this form.
    """

    state: JobState
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The tasks of one array element: ``size`` of them from ``start``, counted from 1."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a script is made of.

    Attributes:
        name: Shown in the queue.
        command: The words to run, not seen by any shell.
        profile: Host shape, walltime, queue, account, how the shell is prepared.
        workdir: Where the command runs.
        log: What the command prints; of an array the start of a chunk is put before the suffix.
        records: The folder of markers, heartbeats and the scheduler's own output.
        chunks: The elements of an array; empty for a single job.
        task_count: How many tasks there are in all.
        task_list: Whether each chunk has a file of its tasks, ``tasks.START`` in ``records``.
        processes: MPI processes over all hosts; 0 if the command is started once.
        environment: Exported first, before modules are loaded.
        outlives_hosts: Whether it goes on when one of its hosts is lost.
        warning_s: So long before the walltime the command gets USR1; 0 for never.
        max_requeues: How often it may be started again: by the scheduler after a loss, or because
            its command said ``CONTINUE``.
    """

    name: str
    command: tuple[str, ...]
    profile: AnyProfile
    workdir: Path
    log: Path
    records: Path
    chunks: tuple[Chunk, ...] = ()
    task_count: int = 0
    task_list: bool = False
    processes: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    outlives_hosts: bool = False
    warning_s: int = 0
    max_requeues: int = 0

    @property
    def note(self) -> Path:
        """What is noted of the submission (clusters.submission)."""
        return self.records / NOTE

    @property
    def script(self) -> Path:
        """The script that was, or will be, submitted."""
        return self.records / "script.sh"

    @property
    def starts(self) -> Path:
        """A line for every start of a job that may be started again."""
        return self.records / "starts"

    @property
    def stop(self) -> Path:
        """Where this file is, the job is not started again."""
        return self.records / "stop"

    @property
    def array_size(self) -> int:
        """How many elements the scheduler sees; 0 if there is no need of an array."""
        return len(self.chunks) if len(self.chunks) > 1 else 0

    def marker(self, chunk: Chunk | None) -> Path:
        """Return the file that will hold the exit code."""
        return self.records / ("exit" if chunk is None else f"exit.{chunk.start}")

    def heartbeat(self, chunk: Chunk | None) -> Path:
        """Return the file that is written to while the job lives."""
        return self.records / ("alive" if chunk is None else f"alive.{chunk.start}")

    def tasks_of(self, chunk: Chunk) -> Path:
        """Return the file that lists the tasks of one element."""
        return self.records / f"tasks.{chunk.start}"

    def log_of(self, chunk: Chunk | None) -> Path:
        """Return the log of one element."""
        if chunk is None:
            return self.log
        return self.log.with_name(f"{self.log.stem}.{chunk.start}{self.log.suffix}")


class ScriptWords(Protocol):
    """What a script needs to know of where it will run.

    Attributes:
        kind: The profile's kind.
        directive: How an option in a script begins; empty if there are none.
        job_variable: Holds the job's id inside a job.
        task_variable: Holds the element's index inside an array.
        warns_itself: Whether the scheduler sends the warning before the walltime.
    """

    kind: str
    directive: str
    job_variable: str
    task_variable: str
    warns_itself: bool

    def options(self, job: Job) -> Iterator[str]:
        """Yield the options that ask for what ``job`` wants, a line each."""
        ...

    def launch(self, job: Job) -> tuple[str, ...]:
        """Return the words that start the command as MPI processes."""
        ...

    def again(self, job: Job) -> int:
        """Return the exit code of a job that has asked to be run once more."""
        ...

    def go_on(self, job: Job) -> Iterator[str]:
        """Yield the shell lines by which a job that is ending asks to be run once more.

        The last one fails if that cannot be had.
        """
        ...


class Dialect(ScriptWords, Protocol):
    """What differs from scheduler to scheduler; all of it is words and their parsing."""

    def submit(self, script: Path) -> list[str]:
        """Return the command that submits ``script``."""
        ...

    def job_id(self, reply: str) -> str:
        """Return the id in a submission's reply.

        Raises:
            ClusterError: There is none; the reply stands in the error.
        """
        ...

    def query(self, user: str, ids: Sequence[str]) -> list[str]:
        """Return the one command that tells how all jobs stand."""
        ...

    def seen(self, answer: str) -> dict[str, Seen]:
        """Return what the query's answer says of each job and element, by ``key``."""
        ...

    def accounting(self, user: str, ids: Sequence[str]) -> list[str]:
        """Return the one command that tells how ended jobs ended."""
        ...

    def ended(self, answer: str) -> dict[str, Seen]:
        """Return what the accounting says."""
        ...

    def cancel(self, ids: Sequence[str]) -> list[str]:
        """Return the command that ends jobs, queued or running."""
        ...

    def is_unknown(self, words: str) -> bool:
        """Whether an error says no more than that a job is not there (any more)."""
        ...

    def concerns(self, words: str) -> str | None:
        """Return the word of the profile that a refusal is about, if it is about one."""
        ...


def key(job_id: str, index: int | None = None) -> str:
    """Return the name of a job, or of an element, in every answer: its number, and its index.

    Example:
        >>> key("4711.pbs01"), key("4711[].pbs01", 3)
        ('4711', '4711_3')
    """
    match = re.match(r"\d+", job_id)
    number = match.group() if match else job_id
    return number if index is None else f"{number}_{index}"


def submit_anew(job: Job, kind: str, command: str) -> Iterator[str]:
    """Yield the shell lines by which a job submits its own script once more and notes the id."""
    note = quote(str(job.note))
    yield f"id=$({command} {quote(str(job.script))} |"
    yield "  grep -E '^[0-9]+(\\.[[:alnum:]_.-]+)?$' | tail -n 1)"
    yield '[ -n "$id" ] || return'
    yield f"""printf '{{"id": "%s", "kind": "{kind}", "chunks": []}}\\n' "$id" >{note}.new"""
    yield f"mv -f {note}.new {note}"


def find_id(pattern: str, reply: str, command: str) -> str:
    """Return what ``pattern`` finds in the reply of ``command``, the last line first.

    Sites print banners and warnings around the one line that counts.

    Raises:
        ClusterError: No line matches.
    """
    for line in reversed(reply.splitlines()):
        if match := re.search(pattern, line.strip()):
            return match.group(1)
    raise ClusterError(f"{command}: no job id in its reply: {reply.strip() or '(nothing)'}")


def first_match(patterns: Mapping[str, str], words: str) -> str | None:
    """Return the first name whose pattern is found in ``words``, in any case of letters."""
    found = (name for name, pattern in patterns.items() if re.search(pattern, words, re.IGNORECASE))
    return next(found, None)


def exit_of_signal(number: int) -> int:
    """Return the exit code that a shell gives a death by signal ``number``."""
    return 128 + number


def indices(text: str) -> Iterator[int]:
    """Yield the indices of an array expression.

    Example:
        >>> list(indices("1-7:3,9")), list(indices("4-5%2"))
        ([1, 4, 7, 9], [4, 5])
    """
    for part in text.partition("%")[0].split(","):
        span, _, step = part.partition(":")
        first, _, last = span.partition("-")
        if first.isdigit():
            yield from range(int(first), int(last or first) + 1, int(step or 1))
