"""Grid Engine's words. Read off the manual pages of Son of Grid Engine 8.1.9."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from xml.etree import ElementTree

from autopeft.clusters.base import (
    CONTINUE,
    Job,
    JobState,
    Seen,
    find_id,
    first_match,
    indices,
    key,
    submit_anew,
)
from autopeft.core.errors import ClusterError
from autopeft.spec.cluster import SgeProfile
from autopeft.spec.walltime import clock_text

# How far back qacct reads; it walks through the whole accounting file.
DAYS_BACK = 8
KILLED_BY_THE_SYSTEM = {
    "37": "the walltime was over",
    "100": "killed by a signal",
}
# A job that ends so is put back into the queue (queue_conf(5), forbid_reschedule).
AGAIN = 99
REFUSALS = {
    "queue": r"unknown queue|queue .* does not exist",
    "account": r"project .* (does not exist|is not)|unknown project|no access to project",
    "parallel_environment": r"parallel environment .* does not exist|unknown parallel",
    "resource_type": r"unknown resource|no suitable queues",
    "native": r"unknown option|invalid option",
}


class Sge:
    """qsub, qstat, qacct, qdel."""

    kind = "sge"
    directive = "#$"
    job_variable = "JOB_ID"
    task_variable = "SGE_TASK_ID"
    warns_itself = False

    def options(self, job: Job) -> Iterator[str]:
        """Yield qsub's options; with a resource type, the site knows the host's shape."""
        profile = job.profile
        assert isinstance(profile, SgeProfile)
        yield "-S /bin/bash"
        yield f"-N {quote(_name(job.name))}"
        yield "-j y"
        yield f"-o {quote(str(job.records))}"
        yield f"-l h_rt={clock_text(profile.walltime)}"
        if profile.resource_type:
            yield f"-l {profile.resource_type}={profile.hosts}"
        else:
            yield from _shape(profile, job)
        if profile.queue:
            yield f"-q {profile.queue}"
        if profile.account:
            yield f"{profile.account_option} {profile.account}"
        yield f"-r {'y' if job.max_requeues else 'n'}"
        if job.array_size:
            yield f"-t 1-{job.array_size}"
        yield from profile.native

    def launch(self, job: Job) -> tuple[str, ...]:
        """Return mpirun, which finds the hosts of the parallel environment by itself."""
        return ("mpirun", "-np", str(job.processes))

    def again(self, job: Job) -> int:
        """Return the code by which one host is asked for once more, or the command's own."""
        return CONTINUE if job.profile.hosts > 1 else AGAIN

    def go_on(self, job: Job) -> Iterator[str]:
        """Yield that the exit code says it all; a job of several hosts submits itself anew.

        Put back, it waits for ever where there are no others: "cannot run on host n2 until clean up
        of a previous run has finished" (8.1.9, if the other hosts' tasks ended before the job).
        """
        if job.profile.hosts > 1:
            yield from submit_anew(job, "sge", "qsub -terse")
        else:
            yield "true"

    def submit(self, script: Path) -> list[str]:
        """Return qsub."""
        return ["qsub", str(script)]

    def job_id(self, reply: str) -> str:
        """Return the id.

        Example:
            >>> sge = Sge()
            >>> sge.job_id('Your job 12 ("prep") has been submitted')
            '12'
            >>> sge.job_id('Your job-array 4711.1-10:1 ("prep") has been submitted')
            '4711'
        """
        said = r"^(?:.*\b[Yy]our job(?:-array)? )?(\d+)(?:\.\d+-\d+:\d+)?(?: \(.*)?\.?$"
        return find_id(said, reply, "qsub")

    def query(self, user: str, ids: Sequence[str]) -> list[str]:
        """Return qstat as XML: its table cuts names and leaves columns empty."""
        return ["qstat", "-xml", "-u", user]

    def seen(self, answer: str) -> dict[str, Seen]:
        """Return the states; a job that has ended stands nowhere."""
        if not answer.strip():
            return {}
        try:
            root = ElementTree.fromstring(answer)
        except ElementTree.ParseError as error:
            raise ClusterError(f"qstat: what it printed is no XML: {error}") from error
        found: dict[str, Seen] = {}
        for job in root.iter("job_list"):
            number = job.findtext("JB_job_number") or ""
            state, tasks = job.findtext("state") or "", job.findtext("tasks")
            keys = [key(number, i) for i in indices(tasks)] if tasks else [key(number)]
            found |= dict.fromkeys(keys, state_of(state))
        return found

    def accounting(self, user: str, ids: Sequence[str]) -> list[str]:
        """Return qacct for all recent jobs of the user: ``-j`` takes one id or none."""
        return ["qacct", "-o", user, "-d", str(DAYS_BACK), "-j"]

    def ended(self, answer: str) -> dict[str, Seen]:
        """Return how the jobs ended; of one that ran more than once, the last time."""
        found: dict[str, Seen] = {}
        for block in re.split(r"(?m)^=+\s*$", answer):
            rows = (line.split(None, 1) for line in block.splitlines())
            facts = {row[0]: row[1].strip() if len(row) > 1 else "" for row in rows if row}
            # The remote parts of a parallel job have records of their own.
            if "jobnumber" not in facts or facts.get("pe_taskid", "NONE") not in ("NONE", ""):
                continue
            task = facts.get("taskid", "undefined")
            index = int(task) if task.isdigit() else None
            found[key(facts["jobnumber"], index)] = _ended(facts)
        return found

    def cancel(self, ids: Sequence[str]) -> list[str]:
        """Return qdel."""
        return ["qdel", *(key(i) for i in ids)]

    def is_unknown(self, words: str) -> bool:
        """Whether the job is over, was never there, or is being deleted already."""
        return bool(
            re.search(r"does not exist|error: job id .* not found|already in deletion", words)
        )

    def concerns(self, words: str) -> str | None:
        """Return the word of the profile that qsub refuses."""
        return first_match(REFUSALS, words)


def state_of(letters: str) -> Seen:
    """Return what qstat's letters say.

    Example:
        >>> [state_of(letters).state.value for letters in ("qw", "hRwq", "r", "Rr", "s", "Eqw")]
        ['pending', 'pending', 'running', 'running', 'pending', 'failed']
    """
    if "E" in letters:
        return Seen(JobState.FAILED, None, "the scheduler holds it in an error state (qstat -j)")
    if re.search("[qwh]", letters):
        return Seen(JobState.PENDING, None, "held" if "h" in letters else "")
    if re.search("[sSTNP]", letters):
        return Seen(JobState.PENDING, None, "suspended")
    if "d" in letters:
        return Seen(JobState.RUNNING, None, "being deleted")
    return Seen(JobState.RUNNING)


def _shape(profile: SgeProfile, job: Job) -> Iterator[str]:
    """Yield a parallel environment's slots, and what one slot gets."""
    per_host = profile.slots_per_host or -(-job.processes // profile.hosts)
    per_host = per_host or profile.cpus_per_host or 1
    slots = per_host * profile.hosts
    if profile.parallel_environment:
        yield f"-pe {profile.parallel_environment} {slots}"
    if profile.memory_gb:
        yield f"-l {profile.memory_resource}={round(profile.memory_gb * 1024 / per_host)}M"
    if profile.gpus_per_host:
        yield f"-l {profile.gpu_resource}={profile.gpus_per_host}"


def _name(name: str) -> str:
    """Return a name that qsub takes: it may not begin with a digit."""
    return f"j{name}" if name[:1].isdigit() else name


def _ended(facts: dict[str, str]) -> Seen:
    code = re.match(r"-?\d+", facts.get("exit_status", ""))
    exit_code = int(code.group()) if code else None
    failed, _, why = facts.get("failed", "0").partition(":")
    failed = failed.strip()
    if failed == "0" and exit_code == 0:
        return Seen(JobState.DONE, 0)
    reason = "" if failed == "0" else KILLED_BY_THE_SYSTEM.get(failed, why.strip())
    return Seen(JobState.FAILED, exit_code or None, reason)
