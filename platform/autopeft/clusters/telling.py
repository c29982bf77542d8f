"""What is said of a job while it is watched: each change, and of a failure its last lines."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from autopeft.clusters.base import Chunk, Job, JobState, Seen

Found = dict[Chunk | None, Seen]
Say = Callable[[str], None]

LAST_LINES = 12
PROGRESS_EVERY_S = 2.0


class Teller:
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
        self._say(f"{_name(self._job, chunk)}: {in_words(seen)}")
        if failed:
            for line in ending_of(self._job, chunk):
                self._say(f"  {line}")

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


def in_words(seen: Seen) -> str:
    """Return a state with its exit code and its reason.

    Example:
        >>> in_words(Seen(JobState.FAILED, 137, "out of memory"))
        'failed with exit code 137: out of memory'
    """
    failed = seen.state in (JobState.FAILED, JobState.LOST)
    code = f" with exit code {seen.exit_code}" if failed and seen.exit_code else ""
    reason = f": {seen.reason}" if seen.reason else ""
    return f"{seen.state.value}{code}{reason}"


def ending_of(job: Job, chunk: Chunk | None = None) -> Iterator[str]:
    """Yield the end of the log and of what the scheduler itself wrote, then where the log is."""
    own = [line for path in schedulers_own(job, chunk) for line in _lines(path)]
    for line in (*_lines(job.log_of(chunk))[-LAST_LINES:], *own[-LAST_LINES // 2 :]):
        yield f"| {line}"
    yield str(job.log_of(chunk))


def schedulers_own(job: Job, chunk: Chunk | None = None) -> list[Path]:
    """Return the files that the scheduler wrote: of one element, or all of them.

    Slurm's are named by us, Grid Engine's and PBS's are ``NAME.oID`` and ``NAME.oID.INDEX``.
    """
    index = job.chunks.index(chunk) + 1 if chunk is not None and job.array_size else 0
    patterns = ("scheduler*.log", "*.o[0-9]*") if not index else (f"*_{index}.log", f"*.o*.{index}")
    return sorted(path for pattern in patterns for path in job.records.glob(pattern))


def _name(job: Job, chunk: Chunk | None) -> str:
    if chunk is None:
        return job.name
    last = chunk.start + chunk.size - 1
    return f"{job.name} {chunk.start}{f'-{last}' if last > chunk.start else ''}"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
