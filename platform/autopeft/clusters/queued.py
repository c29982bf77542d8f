"""A sweep as a job in a queue: submitted, followed into whatever allocation it goes on in, stopped.

Everything is found in the run folder, below ``job/``; so whoever comes later, from another terminal
or after a crash, knows as much as who submitted it.
"""

import time
from collections.abc import Callable

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
from autopeft.core.errors import AutopeftError, ClusterError, InputError
from autopeft.core.places import private_folder, write_text
from autopeft.spec.cluster import QueuedProfile
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import AnyEvent, SweepEnded
from autopeft.tracking.run_folder import RunFolder
from autopeft.tracking.tail import Tail

LOOK_AT_JOURNAL_EVERY_S = 1.0
# A shared file system may show the last lines of a journal later than the scheduler shows the end.
LAST_LINES_WITHIN_S = 10.0
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


def follow(
    run: RunFolder,
    tail: Tail,
    *,
    hear: Callable[[AnyEvent], None],
    stands: Callable[[Standing], None],
) -> Standing:
    """Watch a sweep's job until nothing more comes of it; return how it ended.

    That it stopped before the walltime is no end: it goes on in a new allocation, by itself or,
    where its host could not ask for one, because it is submitted from here.

    Args:
        run: The run folder; its job was submitted.
        tail: The journal, from where it is to be heard.
        hear: Called with every event.
        stands: Called with every change.
    """
    sweep = run.sweep()
    job, profile = job_of(sweep, run.path), sweep.profile
    assert isinstance(profile, QueuedProfile)
    pause_s = min(profile.query_every_s / 2, 5)
    with Poller(dialect_of(profile.kind), every_s=profile.query_every_s) as poller:
        watching, told, looked_at = _Watching(job, poller), None, float("-inf")
        while True:
            _hear(tail, hear)
            if time.monotonic() - looked_at >= pause_s:
                standing, looked_at = watching.look(), time.monotonic()
                if standing.is_over and watching.goes_on(standing):
                    continue
                if standing != told:
                    stands(standing)
                    told = standing
                if standing.is_over:
                    break
            time.sleep(min(LOOK_AT_JOURNAL_EVERY_S, pause_s))
    if standing.seen.exit_code is None:
        # A host may come back, and its job with it; Grid Engine keeps a job in error for ever.
        cancel(standing.submission)
    conclude(job, standing.submission, standing.seen)
    _hear_the_rest(tail, hear, is_done=standing.seen.state is JobState.DONE)
    return standing


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


class _Watching:
    """The watch over a job that may go on under another id."""

    def __init__(self, job: Job, poller: Poller) -> None:
        self._job, self._poller = job, poller
        self._begin()

    def look(self) -> Standing:
        """Look at the scheduler's answer and at the files; return how the job stands."""
        noted = submitted(self._job.records)
        if noted is not None and noted.id != self._submission.id:
            self._begin()
        self._watch.look()
        seen = explained(self._job, self._watch.found[None])
        requeues = requeues_of(self._job)
        return Standing(self._submission, seen, requeues, self._watch.trouble)

    def goes_on(self, standing: Standing) -> bool:
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


def end_in_words(standing: Standing) -> str:
    """Return how a job stands, in one line."""
    return f"job {standing.submission.id}: {in_words(standing.seen)}"


def exit_code_of(seen: Seen) -> int:
    """Return the exit code of a job that is over; 1 if it left none."""
    return 0 if seen.state is JobState.DONE else seen.exit_code or 1


def _hear(tail: Tail, hear: Callable[[AnyEvent], None]) -> bool:
    """Pass on what is new; return whether the sweep's end was among it."""
    over = False
    while events := tail.read():
        for event in events:
            hear(event)
            over = isinstance(event, SweepEnded)
    return over


def _hear_the_rest(tail: Tail, hear: Callable[[AnyEvent], None], *, is_done: bool) -> None:
    deadline = time.monotonic() + (LAST_LINES_WITHIN_S if is_done else 0)
    over = _hear(tail, hear)
    while not over and time.monotonic() < deadline and tail.is_behind:
        time.sleep(0.5)
        over = _hear(tail, hear)
