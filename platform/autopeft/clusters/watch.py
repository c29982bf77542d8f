"""One submitted job, watched element by element: the poller's answers and the files it leaves."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from autopeft.clusters.base import Chunk, Job, JobState, Seen, key
from autopeft.clusters.judgement import Evidence, Memory, judge
from autopeft.clusters.poller import Answers


class Asks(Protocol):
    """Who asks the scheduler: for all who wait and now and then, or once."""

    def ask(self, ids: Sequence[str], *, missing: Iterable[str] = ()) -> Answers:
        """Return what is known of these jobs; those ``missing`` stood in no answer any more."""
        ...


class Watch:
    """What has become of each element of a job; an element is known by its chunk.

    Attributes:
        found: What is concluded so far.
        trouble: Why the scheduler did not answer.
        is_listed: Whether it answered that some element has not ended.
        in_doubt: Whether the next answer may say more: an element is gone, or ended without a
            word of its own.
    """

    def __init__(
        self,
        job: Job,
        job_id: str,
        *,
        poller: Asks,
        clock: Callable[[], float] = time.monotonic,
        memory: Memory | None = None,
    ) -> None:
        self.trouble = ""
        self.is_listed = self.in_doubt = False
        self.found: dict[Chunk | None, Seen] = {
            chunk: Seen(JobState.PENDING) for chunk in (job.chunks or (None,))
        }
        self._job, self._id = job, job_id
        self._poller, self._clock = poller, clock
        self._memories = dict.fromkeys(self.found, memory or Memory())
        self._missing = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of any element."""
        return all(seen.state.is_final for seen in self.found.values())

    def look(self) -> dict[Chunk | None, Seen]:
        """Look once at everything; return those whose state or reason has changed."""
        answers = self._poller.ask([self._id], missing=[self._id] if self._missing else [])
        self.trouble = answers.trouble
        left = _files(self._job.records)
        number, changed = key(self._id), dict[Chunk | None, Seen]()
        self._missing = self.is_listed = self.in_doubt = False
        for place, (chunk, before) in enumerate(self.found.items(), start=1):
            if before.state.is_final:
                continue
            name = key(self._id, place if self._job.array_size else None)
            evidence = Evidence(
                seen=answers.seen.get(name),
                accounted=answers.ended.get(name),
                queries=answers.queries.get(number, 0),
                accountings=answers.accountings.get(number, 0),
                marker=_code(self._job.marker(chunk), left),
                heartbeat=_text(self._job.heartbeat(chunk), left),
                now=self._clock(),
            )
            after, self._memories[chunk] = judge(self._memories[chunk], evidence)
            if evidence.seen is None and evidence.queries and not after.state.is_final:
                self._missing = True
            listed = evidence.seen is not None and not evidence.seen.state.is_final
            self.is_listed |= listed
            self.in_doubt |= not after.state.is_final and (
                not listed or (after.state is JobState.RUNNING and evidence.marker is not None)
            )
            if after != before:
                self.found[chunk] = changed[chunk] = after
        return changed


def _files(folder: Path) -> set[str]:
    """List a folder; reading it makes a shared file system look anew."""
    with suppress(FileNotFoundError):
        return {entry.name for entry in os.scandir(folder)}
    return set()


def _text(path: Path, left: set[str]) -> str:
    if path.name in left:
        with suppress(OSError):
            return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""


def _code(path: Path, left: set[str]) -> int | None:
    text = _text(path, left)
    return int(text) if text.isdigit() else None
