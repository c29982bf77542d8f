"""A sweep as a job in a queue: submitted, followed into whatever allocation it goes on in, stopped.

Everything is found in the run folder, below ``job/``; so whoever comes later, from another terminal
or after a crash, knows as much as who submitted it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock

from autopeft.clusters.base import CONTINUE, Job, JobState, Seen
from autopeft.clusters.poller import Poller
from autopeft.clusters.standing import (
    Standing,
    explained,
    requeues_of,
    standing_of,
    wants_to_go_on,
)
from autopeft.clusters.submission import (
    Refused,
    Submission,
    cancel,
    dialect_of,
    script_of,
    submit,
    submitted,
)
from autopeft.clusters.sweep_job import job_of
from autopeft.clusters.telling import in_words
from autopeft.clusters.verdict import conclude, reopen
from autopeft.clusters.watch import Watch
from autopeft.core.errors import AutopeftError, ClusterError, InputError, RunFolderError
from autopeft.core.places import private_folder, write_text
from autopeft.spec.cluster import QueuedProfile
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import AnyEvent, SweepEnded
from autopeft.tracking.run_folder import RunFolder
from autopeft.tracking.tail import Tail

LOOK_AT_JOURNAL_EVERY_S = 1.0
# A shared file system may show the last lines of a journal later than the scheduler shows the end.
LAST_LINES_WITHIN_S = 10.0
READABLE_WITHIN_S = 60.0
STOPS_WITHIN_S = 90.0


def is_queued(sweep: Sweep) -> bool:
    """Whether a sweep runs as a job of a scheduler, and not on this machine."""
    return isinstance(sweep.profile, QueuedProfile)


def submit_sweep(run: RunFolder) -> Submission:
    """Write the job's script into the run folder and submit it, as a new beginning.

    Raises:
        Refused: The scheduler does not want it; ``as_written`` says so to the user.
        ClusterError: There is no scheduler here.
    """
    job = job_of(run.sweep(), run.path)
    private_folder(job.records)
    reopen(job)
    for left in (job.marker(None), job.heartbeat(None), job.starts, job.stop, job.note):
        left.unlink(missing_ok=True)
    write_text(job.script, script_of(job))
    return submit(job)


def as_written(refused: Refused, sweep: Sweep) -> AutopeftError:
    """Return a refusal as the user's mistake, with its place in her file, where it is one."""
    if refused.concerns is None:
        return refused
    return InputError([sweep.problem(("cluster", refused.concerns), str(refused))])


def living_job(run: RunFolder) -> Standing | None:
    """Return the run's job if it is queued or running.

    Raises:
        ClusterError: The scheduler does not say whether it is.
    """
    sweep = run.sweep()
    standing = standing_of(job_of(sweep, run.path)) if is_queued(sweep) else None
    if standing is None:
        return None
    if standing.trouble:
        raise ClusterError(
            f"whether {standing.submission.id}, submitted before, still runs is not known: "
            f"{standing.trouble}"
        )
    return None if standing.is_over else standing


@contextmanager
def job_watch(run: RunFolder) -> Iterator["JobWatch"]:
    """Yield the watch over the run's job; the scheduler is asked for all who wait together."""
    sweep = run.sweep()
    profile = sweep.profile
    assert isinstance(profile, QueuedProfile)
    with Poller(dialect_of(profile.kind), every_s=profile.query_every_s) as poller:
        pause_s = min(profile.query_every_s / 2, 5)
        yield JobWatch(job_of(sweep, run.path), poller, every_s=pause_s)


def follow(
    run: RunFolder,
    tail: Tail,
    *,
    hear: Callable[[AnyEvent], None],
    stands: Callable[[Standing], None],
) -> Standing:
    """Watch a sweep's job until nothing more comes of it; return how it ended.

    Args:
        run: The run folder; its job was submitted.
        tail: The journal, from where it is to be heard.
        hear: Called with every event.
        stands: Called with every change.
    """
    with job_watch(run) as watch:
        told: Standing | None = None
        ear = _Ear(tail, hear)
        while told is None or not told.is_over:
            ear.hear()
            standing = watch.look()
            if standing != told:
                stands(standing)
                told = standing
            if not told.is_over:
                time.sleep(watch.pause_s)
    is_done = told.seen.state is JobState.DONE
    ear.hear_the_rest(timeout_s=LAST_LINES_WITHIN_S if is_done else 0)
    return told


def stop_sweep(run: RunFolder) -> Standing:
    """End the run's job, queued or running; return how it stands. Stopping twice is fine.

    Raises:
        ClusterError: None was submitted, or the scheduler does not end it.
    """
    job = job_of(run.sweep(), run.path)
    standing = standing_of(job)
    if standing is None:
        raise ClusterError(f"{run.path.name}: no job was submitted for it")
    if standing.is_over:
        return standing
    job.stop.touch()
    deadline = time.monotonic() + STOPS_WITHIN_S
    cancelled = ""
    while not standing.is_over and time.monotonic() < deadline:
        if standing.submission.id != cancelled:  # also the one that was submitted meanwhile
            cancel(standing.submission)
            cancelled = standing.submission.id
        time.sleep(1)
        standing = standing_of(job) or standing
    return standing


class JobWatch:
    """The watch over a sweep's job, which may go on under another id.

    That it stopped before the walltime is no end: it goes on in a new allocation, by itself or,
    where its host could not ask for one, because it is submitted from here.
    """

    def __init__(self, job: Job, poller: Poller, *, every_s: float) -> None:
        self.pause_s = min(LOOK_AT_JOURNAL_EVERY_S, every_s)
        self._job, self._poller, self._every_s = job, poller, every_s
        self._looked_at = float("-inf")
        self._begin()

    def look(self) -> Standing:
        """Return how the job stands; the scheduler's answers and its files are not read too often.

        Of a job that is over this is the last look: what cannot end by itself is cancelled.
        """
        if time.monotonic() - self._looked_at >= self._every_s:
            self._standing = self._now()
            if self._standing.is_over and self._goes_on(self._standing):
                self._begin()
            elif self._standing.is_over:
                self._conclude(self._standing)
            self._looked_at = time.monotonic()
        return self._standing

    def _now(self) -> Standing:
        noted = submitted(self._job.records)
        if noted is not None and noted != self._standing.submission:
            self._begin()
        self._watch.look()
        return self._as_it_stands()

    def _as_it_stands(self) -> Standing:
        seen = explained(self._job, self._watch.found[None])
        requeues = requeues_of(self._job)
        return Standing(self._submission, seen, requeues, self._watch.trouble)

    def _goes_on(self, standing: Standing) -> bool:
        """Whether the end of this job is not the sweep's: it stands in the queue once more."""
        if wants_to_go_on(self._job, standing.seen):
            with FileLock(str(self._job.records / "lock"), mode=0o600):
                if submitted(self._job.records) == standing.submission:
                    self._submit_again()
        noted = submitted(self._job.records)
        return noted is not None and noted != standing.submission

    def _submit_again(self) -> None:
        """Submit from here what its host could not; the starts so far count."""
        if requeues_of(self._job) >= self._job.max_requeues:
            return
        marker = self._job.marker(None)
        marker.unlink(missing_ok=True)
        try:
            submit(self._job)
        except ClusterError:
            write_text(marker, f"{CONTINUE}\n")
            raise

    def _begin(self) -> None:
        noted = submitted(self._job.records)
        if noted is None:
            raise ClusterError(f"{self._job.records}: no job was submitted")
        self._submission = noted
        self._watch = Watch(self._job, noted.id, poller=self._poller)
        self._standing = self._as_it_stands()

    def _conclude(self, standing: Standing) -> None:
        if standing.seen.exit_code is None:
            # A host may come back, and its job with it; Grid Engine keeps a job in error for ever.
            with suppress(ClusterError):
                cancel(standing.submission)
        conclude(self._job, standing.submission, standing.seen)


def end_in_words(standing: Standing) -> str:
    """Return how a job stands, in one line."""
    return f"job {standing.submission.id}: {in_words(standing.seen)}"


def exit_code_of(seen: Seen) -> int:
    """Return the exit code of a job that is over; 1 if it left none."""
    return 0 if seen.state is JobState.DONE else seen.exit_code or 1


class _Ear:
    """Passes on a journal that is written on another host, line by line.

    A shared file system may show that a line is longer before it shows what stands there: what
    cannot be read now is looked at again for a while.
    """

    def __init__(self, tail: Tail, hear: Callable[[AnyEvent], None]) -> None:
        self.heard_the_end = False
        self._tail, self._hear = tail, hear
        self._unreadable_since: float | None = None

    def hear(self) -> None:
        """Pass on what is new.

        Raises:
            RunFolderError: A line is damaged, and stays so.
        """
        try:
            while events := self._tail.read():
                for event in events:
                    self._hear(event)
                    self.heard_the_end = isinstance(event, SweepEnded)
        except RunFolderError:
            now = time.monotonic()
            self._unreadable_since = self._unreadable_since or now
            if now - self._unreadable_since > READABLE_WITHIN_S:
                raise
        else:
            self._unreadable_since = None

    def hear_the_rest(self, *, timeout_s: float) -> None:
        """Pass on what is left, waiting for the sweep's end if it is not there yet."""
        deadline = time.monotonic() + timeout_s
        self.hear()
        while not self.heard_the_end and time.monotonic() < deadline:
            time.sleep(0.5)
            self.hear()
