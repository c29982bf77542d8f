"""How the jobs of sweeps stand, found out once: one query of each scheduler for all of them.

Who follows a job asks again and again and shares the answers (clusters.poller); who only wants to
know asks at once. Only where an answer leaves a doubt is it asked again, a few times.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from autopeft.clusters.base import CONTINUE, Dialect, Job, JobState, Seen, key
from autopeft.clusters.judgement import Memory
from autopeft.clusters.poller import Answers
from autopeft.clusters.shell import Reply, capture
from autopeft.clusters.submission import Submission, dialect_of, submitted
from autopeft.clusters.verdict import conclude, concluded
from autopeft.clusters.watch import Watch
from autopeft.core.errors import ClusterError

# A job that is missing is asked for twice more, and its accounts once (clusters.judgement).
ROUNDS = 4
BETWEEN_ROUNDS_S = 2.0
STOPPED = 130


@dataclass(frozen=True, slots=True)
class Standing:
    """How a sweep's job stands.

    Attributes:
        submission: Its id, and where.
        seen: What has become of it.
        requeues: How often it has been started again.
        trouble: Why the scheduler did not answer; ``seen`` may then be out of date.
    """

    submission: Submission
    seen: Seen
    requeues: int = 0
    trouble: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.seen.state.is_final


def standing_of(job: Job) -> Standing | None:
    """Return how a job stands; ``None`` if it was never submitted."""
    return standings([job]).get(job.records)


def standings(
    jobs: Iterable[Job],
    *,
    run: Callable[[Sequence[str]], Reply] = capture,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[Path, Standing]:
    """Return how jobs stand, by their records; those never submitted are left out.

    Args:
        jobs: Of any schedulers.
        run: Runs a command.
        sleep: Waits between two rounds.
    """
    found: dict[Path, Standing] = {}
    asked: dict[str, list[tuple[Job, Submission]]] = {}
    for job in jobs:
        submission = submitted(job.records)
        if submission is None:
            continue
        if seen := concluded(job, submission):
            found[job.records] = Standing(submission, seen, requeues_of(job))
        else:
            asked.setdefault(submission.kind, []).append((job, submission))
    for kind, pairs in asked.items():
        found |= _ask(dialect_of(kind), pairs, run, sleep)
    return found


def requeues_of(job: Job) -> int:
    """Count how often a job has been started again."""
    try:
        return max(len(job.starts.read_bytes().splitlines()) - 1, 0)
    except OSError:
        return 0


def explained(job: Job, seen: Seen) -> Seen:
    """Return the end of a sweep's job with what only its run folder tells."""
    if not seen.state.is_final or seen.state is JobState.DONE:
        return seen
    if job.stop.exists():
        return Seen(JobState.FAILED, STOPPED, "stopped")
    if wants_to_go_on(job, seen):
        limit, used = job.max_requeues, requeues_of(job)
        why = f"max_requeues {limit} is used up" if used >= limit else "its host could not queue it"
        return Seen(JobState.FAILED, CONTINUE, f"stopped before the walltime, and {why}")
    return seen


def wants_to_go_on(job: Job, seen: Seen) -> bool:
    """Whether a job ended only to be run once more."""
    return seen.exit_code in (CONTINUE, dialect_of(job.profile.kind).again(job))


def _ask(
    dialect: Dialect,
    pairs: Sequence[tuple[Job, Submission]],
    run: Callable[[Sequence[str]], Reply],
    sleep: Callable[[float], None],
) -> dict[Path, Standing]:
    asker = _Once(dialect, [submission.id for _, submission in pairs], run)
    watches = [Watch(j, s.id, poller=asker, memory=_remembered(j)) for j, s in pairs]
    for number in range(ROUNDS):
        if number:
            sleep(BETWEEN_ROUNDS_S)
        asker.ask_now()
        for watch in watches:
            watch.look()
        if asker.answers.trouble or not any(watch.in_doubt for watch in watches):
            break
    found = {}
    for (job, submission), watch in zip(pairs, watches, strict=True):
        seen = explained(job, watch.found[None])
        if seen.state.is_final and not watch.is_listed:
            conclude(job, submission, seen)
        found[job.records] = Standing(submission, seen, requeues_of(job), watch.trouble)
    return found


class _Once:
    """Asks when it is told to, for all jobs; each watch reads its own from the answers."""

    def __init__(
        self, dialect: Dialect, ids: Sequence[str], run: Callable[[Sequence[str]], Reply]
    ) -> None:
        self.answers = Answers({}, {}, dict.fromkeys(map(key, ids), 0), {}, "")
        self._dialect, self._ids, self._run = dialect, ids, run
        self._missing: set[str] = set()

    def ask(self, ids: Sequence[str], *, missing: Iterable[str] = ()) -> Answers:
        """Return what was answered; note what is missing."""
        self._missing |= set(missing)
        return self.answers

    def ask_now(self) -> None:
        """Ask the queue; of what was missing in it before, the accounting too."""
        before, dialect, user = self.answers, self._dialect, getuser()
        try:
            reply = self._run(dialect.query(user, self._ids))
            if reply.code and not reply.out.strip() and not dialect.is_unknown(reply.err):
                raise ClusterError(reply.words)
            seen = dialect.seen(reply.out)
        except ClusterError as error:
            self.answers = Answers(
                before.seen, before.ended, before.queries, before.accountings, str(error)
            )
            return
        queries = {job: count + 1 for job, count in before.queries.items()}
        ended, accountings = before.ended, dict(before.accountings)
        if self._missing:
            ended = {**ended, **self._accounts(user)}
            for job in map(key, self._missing):
                accountings[job] = accountings.get(job, 0) + 1
            self._missing.clear()
        self.answers = Answers(seen, ended, queries, accountings, "")

    def _accounts(self, user: str) -> dict[str, Seen]:
        """Return what the accounting says; not every site keeps one."""
        try:
            reply = self._run(self._dialect.accounting(user, sorted(self._missing)))
            return self._dialect.ended(reply.out)
        except ClusterError:
            return {}


def _remembered(job: Job) -> Memory:
    """Return what one would remember who had watched the heartbeat: for how long it stands still.

    The file server's own clock tells, by a file that is written now beside it.
    """
    now = job.records / f".now.{os.getpid()}"
    try:
        with job.heartbeat(None).open(encoding="utf-8", errors="replace") as file:
            text, written = file.read().strip(), os.fstat(file.fileno()).st_mtime
        now.touch()
        age = max(now.stat().st_mtime - written, 0.0)
        now.unlink()
    except OSError:
        return Memory()
    return Memory(heartbeat=text, since=time.monotonic() - age)
