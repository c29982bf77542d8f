"""A job handed to its scheduler: its script, its submission, the note of its id, its cancellation.

The note, ``submitted.json`` among the job's records, is what those find who come later.
"""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from autopeft.clusters import DIALECTS
from autopeft.clusters.base import NOTE, Chunk, Dialect, Job
from autopeft.clusters.processes import Processes
from autopeft.clusters.script import render
from autopeft.clusters.shell import capture
from autopeft.core.errors import ClusterError
from autopeft.core.places import write_json
from autopeft.spec.cluster import QueuedProfile

SUBMIT_WITHIN_S = 300
HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# What a command needs to find its programs; whole environments break foreign shells.
CARRIED = ("PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH")


class Refused(ClusterError):
    """The scheduler does not take a job.

    Attributes:
        words: What it said.
        concerns: The word of the profile that it is about, where that is plain.
    """

    def __init__(self, message: str, *, words: str, concerns: str | None) -> None:
        self.words, self.concerns = words, concerns
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is noted of a job that was submitted.

    Attributes:
        id: The scheduler's.
        kind: The scheduler's kind.
        chunks: The elements of its array.
    """

    id: str
    kind: str
    chunks: tuple[Chunk, ...] = ()


def dialect_of(kind: str) -> Dialect:
    """Return the words of a kind of scheduler."""
    dialect: Dialect = DIALECTS.load(kind)()
    return dialect


def script_of(job: Job) -> str:
    """Return the script that would be submitted."""
    local = not isinstance(job.profile, QueuedProfile)
    return render(job, Processes() if local else dialect_of(job.profile.kind))


def carried(names: tuple[str, ...] = CARRIED) -> dict[str, str]:
    """Return the variables of this environment that a job is given too."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def submit(job: Job) -> Submission:
    """Submit the script that was written, and note the id; only then is a Ctrl-C heard.

    So whoever hears one finds in the note whether there is a job.

    Raises:
        Refused: The scheduler does not want it.
        ClusterError: There is no scheduler here, or it says no id.
    """
    dialect = dialect_of(job.profile.kind)
    command = dialect.submit(job.script)
    with _undisturbed():
        reply = capture(command, timeout_s=SUBMIT_WITHIN_S)
        if reply.code != 0:
            raise Refused(
                f"{command[0]} refuses {job.name}: {reply.words}",
                words=reply.words,
                concerns=dialect.concerns(reply.words),
            )
        submission = Submission(dialect.job_id(reply.out), dialect.kind, job.chunks)
        write_json(job.note, asdict(submission))
    return submission


def submitted(records: Path) -> Submission | None:
    """Return what was noted of the last submission, if there is a note."""
    try:
        note = json.loads((records / NOTE).read_text(encoding="utf-8"))
    except OSError:
        return None
    chunks = tuple(Chunk(**chunk) for chunk in note["chunks"])
    return Submission(note["id"], note["kind"], chunks)


def forget(records: Path) -> None:
    """Remove the note; fine if there is none."""
    (records / NOTE).unlink(missing_ok=True)


def cancel(submission: Submission) -> None:
    """Ask the scheduler to end the job; that it is over already is fine.

    Raises:
        ClusterError: It is not cancelled.
    """
    dialect = dialect_of(submission.kind)
    reply = capture(dialect.cancel([submission.id]))
    if reply.code != 0 and not dialect.is_unknown(reply.words):
        raise ClusterError(f"{submission.id} could not be cancelled: {reply.words}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hear of signals only afterwards.

    Held back by handlers, not by a mask: where there is a second thread, the kernel delivers there
    what the main thread masks, and Python raises it in the main thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread ever hears
        return
    heard: list[int] = []
    handlers = {number: signal.getsignal(number) for number in HELD_BACK}
    held = {number: was for number, was in handlers.items() if was not in (None, signal.SIG_IGN)}
    for number in held:
        signal.signal(number, lambda number, frame: heard.append(number))
    try:
        yield
    finally:
        for number, was in held.items():
            signal.signal(number, was)
        for late in dict.fromkeys(heard):
            signal.raise_signal(late)
