"""What has become of a job: the scheduler's word AND the marker file. Pure.

Either alone is not enough. A scheduler may forget a job, or show a dead host's as running; a
marker is not written by a job that was killed with -9, deleted while queued, or lost with its host.
Nothing is waited for that cannot come: counted in answers of the scheduler, every story ends.
"""

from dataclasses import dataclass, replace

from autopeft.clusters.base import JobState, Seen

# So many answers in a row must agree before silence is taken for an end: shared file systems show
# a new file late, and schedulers show a job twice or not at all while it changes hands.
AGREE = 2
# A scheduler that still lists a job as running long after its marker: its word is not waited for.
STILL_LISTED = 4
# A heartbeat comes every 15 s (clusters.script).
SILENT_S = 50


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at one moment.

    Attributes:
        seen: What the last query said; ``None`` if the job was not in the answer.
        accounted: What the accounting said, if it was asked and knew.
        queries: How many queries about this job have been answered so far.
        accountings: How often the accounting has been asked about it so far.
        marker: The exit code in the marker file.
        heartbeat: What stands in the heartbeat file; empty without one.
        now: Seconds on a steady clock.
    """

    seen: Seen | None
    accounted: Seen | None
    queries: int
    accountings: int
    marker: int | None
    heartbeat: str
    now: float


@dataclass(frozen=True, slots=True)
class Memory:
    """What must be remembered between two looks.

    Attributes:
        state: The last one.
        queries: Answers taken in so far.
        agreed: Answers in a row that told the same story, and what story.
        accountings: Answered accounting queries when the job went missing.
        heartbeat: The last heartbeat, and since when it has stood still.
    """

    state: JobState = JobState.PENDING
    queries: int = 0
    story: str = ""
    agreed: int = 0
    accountings: int = 0
    heartbeat: str = ""
    since: float = 0.0


def judge(memory: Memory, evidence: Evidence) -> tuple[Seen, Memory]:
    """Return what has become of a job, and what to remember."""
    seen = evidence.seen or evidence.accounted
    if seen is None:
        story = "missing"
    elif seen.state.is_final:
        story = "ended"
    else:
        story = "marked" if seen.state is JobState.RUNNING and evidence.marker is not None else ""
    memory = _heard(_counted(memory, evidence, story), evidence)
    found = _found(memory, evidence, seen)
    return found, replace(memory, state=found.state)


def _counted(memory: Memory, evidence: Evidence, story: str) -> Memory:
    """Count answers that tell the same story; a new story begins anew."""
    fresh = evidence.queries != memory.queries
    if story != memory.story:
        agreed, accountings = int(fresh), evidence.accountings
    else:
        agreed, accountings = memory.agreed + int(fresh), memory.accountings
    return replace(
        memory, story=story, agreed=agreed, accountings=accountings, queries=evidence.queries
    )


def _heard(memory: Memory, evidence: Evidence) -> Memory:
    running = evidence.seen is not None and evidence.seen.state is JobState.RUNNING
    if evidence.heartbeat != memory.heartbeat or not running:
        return replace(memory, heartbeat=evidence.heartbeat, since=evidence.now)
    return memory


def _found(memory: Memory, evidence: Evidence, seen: Seen | None) -> Seen:
    if seen is None:
        return _missing(memory, evidence)
    if seen.state.is_final:
        return _ended(memory, evidence, seen)
    if seen.state is JobState.PENDING:
        return seen
    if evidence.marker is not None:
        if memory.agreed < STILL_LISTED:
            return Seen(JobState.RUNNING, None, "ending")
        return _by_marker(evidence.marker, "though the scheduler still lists it as running")
    silent = evidence.now - memory.since
    if evidence.heartbeat and silent > SILENT_S:
        return Seen(
            JobState.LOST, None, f"its host has been silent for {silent:.0f} s, though the "
            "scheduler still lists it as running",
        )  # fmt: skip
    return seen


def _missing(memory: Memory, evidence: Evidence) -> Seen:
    """Judge a job that no longer stands in the queue, and that no accounting knows."""
    if evidence.marker is not None and evidence.queries:
        return _by_marker(evidence.marker, "")
    asked = evidence.accountings > memory.accountings
    if memory.agreed >= AGREE and asked:
        return Seen(
            JobState.LOST, None, "neither the queue nor the accounting knows it, and its script "
            "left no exit code: deleted while queued, killed, or lost with its host",
        )  # fmt: skip
    return Seen(memory.state, None, "no longer in the queue" if memory.agreed else "")


def _ended(memory: Memory, evidence: Evidence, seen: Seen) -> Seen:
    """Judge a job that the scheduler says has ended: success needs both to say so."""
    if evidence.marker is None:
        if memory.agreed < AGREE:
            return Seen(JobState.RUNNING, None, "ending")
        if seen.state is JobState.DONE:
            return Seen(
                JobState.FAILED, None, "the scheduler says it ended well, but its script left no "
                "exit code: killed, or the disk is full",
            )  # fmt: skip
        return seen
    if seen.state is JobState.DONE or evidence.marker != 0:
        return _by_marker(evidence.marker, seen.reason)
    return replace(seen, reason=f"{seen.reason or 'failed'}, after its command ended with 0")


def _by_marker(code: int, reason: str) -> Seen:
    return Seen(JobState.FAILED if code else JobState.DONE, code, reason)
