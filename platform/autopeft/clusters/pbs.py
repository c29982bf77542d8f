"""PBS's words: PBS Professional and OpenPBS, from their manual pages (qsub, qstat, qdel 1B)."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from autopeft.clusters.base import (
    CONTINUE,
    Job,
    JobState,
    Seen,
    exit_of_signal,
    find_id,
    first_match,
    key,
    submit_anew,
)
from autopeft.spec.cluster import PbsProfile
from autopeft.spec.walltime import clock_text

STATES = {
    "B": JobState.RUNNING,  # an array of which some elements have begun
    "E": JobState.RUNNING,  # exiting
    "F": JobState.DONE,
    "C": JobState.DONE,  # completed, as Torque's front ends say
    "H": JobState.PENDING,
    "M": JobState.PENDING,
    "Q": JobState.PENDING,
    "R": JobState.RUNNING,
    "S": JobState.PENDING,
    "T": JobState.PENDING,
    "U": JobState.PENDING,
    "W": JobState.PENDING,
    "X": JobState.DONE,  # an element that has ended, while its array goes on
}
WORDS = {"H": "held", "S": "suspended", "U": "suspended: its host's user is back", "W": "waiting"}
# Exit_status of a job that a signal killed is 256 and more, of one that PBS ended it is negative
# (PBS Professional Reference Guide, "Job Exit Status Codes").
SIGNALLED = 256
REFUSALS = {
    "queue": r"unknown queue|queue is not enabled",
    "account": r"invalid account|unknown project|project .* (invalid|not)",
    "walltime": r"walltime",
    "hosts": r"violates queue and/or server resource limits|illegal .*select",
    "native": r"illegal option|invalid option|unknown resource",
}


class Pbs:
    """qsub, qstat, qdel."""

    kind = "pbs"
    directive = "#PBS"
    job_variable = "PBS_JOBID"
    task_variable = "PBS_ARRAY_INDEX"
    warns_itself = False

    def options(self, job: Job) -> Iterator[str]:
        """Yield qsub's options; with a resource type, which is a queue, the chunks are the site's.

        An array is marked rerunnable, since PBS takes no other.
        """
        profile = job.profile
        assert isinstance(profile, PbsProfile)
        yield "-S /bin/bash"
        yield f"-N {quote(job.name)}"
        yield "-j oe"
        yield f"-o {quote(str(job.records) + '/')}"
        yield f"-l walltime={clock_text(profile.walltime)}"
        yield f"-l select={profile.hosts}{'' if profile.resource_type else _chunk(profile, job)}"
        if profile.hosts > 1 and not profile.resource_type:
            yield "-l place=scatter"
        if queue := profile.queue or profile.resource_type:
            yield f"-q {queue}"
        if profile.account:
            yield f"{profile.account_option} {profile.account}"
        yield f"-r {'y' if job.max_requeues or job.array_size else 'n'}"
        if job.array_size:
            yield f"-J 1-{job.array_size}"
        yield from profile.native

    def launch(self, job: Job) -> tuple[str, ...]:
        """Return mpirun, which finds the hosts of the job by itself."""
        return ("mpirun", "-np", str(job.processes))

    def again(self, job: Job) -> int:
        """Return the command's own."""
        return CONTINUE

    def go_on(self, job: Job) -> Iterator[str]:
        """Yield a new submission and the note of its id: qrerun is for operators only."""
        yield from submit_anew(job, "pbs", "qsub")

    def submit(self, script: Path) -> list[str]:
        """Return qsub."""
        return ["qsub", str(script)]

    def job_id(self, reply: str) -> str:
        """Return the id, with the brackets of an array and the server's name.

        Example:
            >>> Pbs().job_id("4711[].pbs01")
            '4711[].pbs01'
        """
        return find_id(r"^(\d+(?:\[\])?(?:\.[\w.-]+)?)$", reply, "qsub")

    def query(self, user: str, ids: Sequence[str]) -> list[str]:
        """Return qstat for just these jobs, ended ones and elements included: that is the history.

        ``-u`` cannot be joined with ``-f``, so the ids stand there.
        """
        return ["qstat", "-x", "-t", "-f", *ids]

    def seen(self, answer: str) -> dict[str, Seen]:
        """Return the states, and how those that ended ended."""
        found: dict[str, Seen] = {}
        for block in re.split(r"(?m)^Job Id:\s*", re.sub(r"\n\t", "", answer))[1:]:
            name, _, rest = block.partition("\n")
            facts = dict(re.findall(r"(?m)^\s+([\w.]+) = (.*)$", rest))
            found[_key(name.strip())] = _seen(facts)
        return found

    def accounting(self, user: str, ids: Sequence[str]) -> list[str]:
        """Return the query again: PBS keeps the history of ended jobs in the same place."""
        return self.query(user, ids)

    def ended(self, answer: str) -> dict[str, Seen]:
        """Return those that have ended."""
        return {name: seen for name, seen in self.seen(answer).items() if seen.state.is_final}

    def cancel(self, ids: Sequence[str]) -> list[str]:
        """Return qdel."""
        return ["qdel", *ids]

    def is_unknown(self, words: str) -> bool:
        """Whether the job is over, or was never there."""
        return bool(re.search(r"Unknown Job Id|Job has finished|illegally formed job", words))

    def concerns(self, words: str) -> str | None:
        """Return the word of the profile that qsub refuses."""
        return first_match(REFUSALS, words)


def _chunk(profile: PbsProfile, job: Job) -> str:
    """Return what each host has, as ``select`` has it."""
    parts = []
    if profile.cpus_per_host:
        parts.append(f"ncpus={profile.cpus_per_host}")
    if job.processes:
        parts.append(f"mpiprocs={-(-job.processes // profile.hosts)}")
    if profile.gpus_per_host:
        parts.append(f"ngpus={profile.gpus_per_host}")
    if profile.memory_gb:
        parts.append(f"mem={round(profile.memory_gb * 1024)}mb")
    return "".join(f":{part}" for part in parts)


def _key(name: str) -> str:
    """Return the key of ``4711.pbs01``, ``4711[].pbs01`` or ``4711[3].pbs01``."""
    element = re.match(r"\d+\[(\d+)\]", name)
    return key(name, int(element.group(1)) if element else None)


def _seen(facts: dict[str, str]) -> Seen:
    letter = facts.get("job_state", "").strip()
    state = STATES.get(letter, JobState.PENDING)
    if state is not JobState.DONE:
        unknown = "" if letter in STATES else f"in a state unknown here: {letter}"
        return Seen(state, None, WORDS.get(letter, unknown))
    code = facts.get("Exit_status", facts.get("exit_status", "")).strip()
    comment = facts.get("comment", "").strip()
    if not re.fullmatch(r"-?\d+", code):
        return Seen(JobState.FAILED, None, comment or "ended without having run")
    number = int(code)
    if number < 0:
        return Seen(JobState.FAILED, None, comment or f"PBS ended it (Exit_status {number})")
    if number >= SIGNALLED:
        return Seen(JobState.FAILED, exit_of_signal(number - SIGNALLED), "killed by a signal")
    return Seen(JobState.FAILED, number) if number else Seen(JobState.DONE, 0)
