"""Slurm's words. Read off Slurm 22.05's manual pages and sources; sacct may be absent at a site."""

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
    indices,
    key,
)
from autopeft.spec.cluster import SlurmProfile
from autopeft.spec.walltime import clock_text

# squeue %T and sacct State, long form (slurm/src/common/slurm_protocol_defs.c, job_state_string).
STATES = {
    "PENDING": JobState.PENDING,
    "CONFIGURING": JobState.PENDING,
    "REQUEUED": JobState.PENDING,
    "REQUEUE_FED": JobState.PENDING,
    "REQUEUE_HOLD": JobState.PENDING,
    "SPECIAL_EXIT": JobState.PENDING,
    "RESV_DEL_HOLD": JobState.PENDING,
    "SUSPENDED": JobState.PENDING,
    "STOPPED": JobState.PENDING,
    "RUNNING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "STAGE_OUT": JobState.RUNNING,
    "COMPLETING": JobState.RUNNING,
    "COMPLETED": JobState.DONE,
    "FAILED": JobState.FAILED,
    "CANCELLED": JobState.FAILED,
    "TIMEOUT": JobState.FAILED,
    "DEADLINE": JobState.FAILED,
    "OUT_OF_MEMORY": JobState.FAILED,
    "PREEMPTED": JobState.FAILED,
    "REVOKED": JobState.FAILED,
    "BOOT_FAIL": JobState.LOST,
    "NODE_FAIL": JobState.LOST,
}
WORDS = {
    "CANCELLED": "cancelled",
    "TIMEOUT": "the walltime was over",
    "DEADLINE": "the deadline was over",
    "OUT_OF_MEMORY": "out of memory",
    "PREEMPTED": "preempted by another job",
    "REVOKED": "revoked by a sibling",
    "BOOT_FAIL": "its host did not boot",
    "NODE_FAIL": "its host was lost",
}
# What sbatch says of a wrong word (slurm/src/common/slurm_errno.c).
REFUSALS = {
    "queue": r"invalid partition",
    "account": r"invalid account",
    "qos": r"invalid qos",
    "walltime": r"time limit (specification )?(is )?(invalid|exceeds)|invalid time limit",
    "hosts": r"node count specification invalid|more processors requested",
    "gpus_per_host": r"invalid generic resource|invalid (gres|trackable)",
    "memory_gb": r"memory specification can not be satisfied",
    "native": r"unrecognized option|invalid option|invalid feature",
}


class Slurm:
    """sbatch, squeue, sacct, scancel."""

    kind = "slurm"
    directive = "#SBATCH"
    job_variable = "SLURM_JOB_ID"
    task_variable = "SLURM_ARRAY_TASK_ID"
    warns_itself = True

    def options(self, job: Job) -> Iterator[str]:
        """Yield sbatch's options."""
        profile = job.profile
        assert isinstance(profile, SlurmProfile)
        log = str(job.records / f"scheduler.{'%A_%a' if job.array_size else '%j'}.log")
        yield f"--job-name={quote(job.name)}"
        yield f"--output={quote(log)}"
        yield "--open-mode=append"
        yield f"--nodes={profile.hosts}"
        processes = -(-job.processes // profile.hosts) or 1
        yield f"--ntasks-per-node={processes}"
        if profile.cpus_per_host:
            yield f"--cpus-per-task={max(1, profile.cpus_per_host // processes)}"
        if profile.gpus_per_host:
            name = f"{profile.gpu_type}:" if profile.gpu_type else ""
            prefix = "gres=gpu:" if profile.gpu_option == "gres" else "gpus-per-node="
            yield f"--{prefix}{name}{profile.gpus_per_host}"
        if profile.memory_gb:
            yield f"--mem={round(profile.memory_gb * 1024)}M"
        yield f"--time={clock_text(profile.walltime)}"
        for word, value in (
            ("partition", profile.queue),
            ("account", profile.account),
            ("qos", profile.qos),
        ):
            if value:
                yield f"--{word}={value}"
        if profile.exclusive:
            yield "--exclusive"
        if job.outlives_hosts:
            yield "--no-kill"
        if job.warning_s:
            yield f"--signal=B:USR1@{job.warning_s}"
        yield "--requeue" if job.max_requeues else "--no-requeue"
        if job.array_size:
            yield f"--array=1-{job.array_size}"
        yield from profile.native

    def launch(self, job: Job) -> tuple[str, ...]:
        """Return srun with so many tasks, or mpirun where the site wants it."""
        if job.profile.launcher == "mpirun":  # type: ignore[union-attr]
            return ("mpirun", "-np", str(job.processes))
        return ("srun", f"--ntasks={job.processes}")

    def again(self, job: Job) -> int:
        """Return the command's own."""
        return CONTINUE

    def go_on(self, job: Job) -> Iterator[str]:
        """Yield scontrol, which keeps the id; the job waits again until its hosts are free.

        A job that is being cancelled could be put back as well. It shows as ``COMPLETING``, as one
        does whose walltime is over, but for the reason (22.05).
        """
        yield 'stands=$(scontrol --oneliner show job "$SLURM_JOB_ID")'
        yield 'case "$stands" in'
        yield "  *Reason=TimeLimit*) ;;"
        yield "  *JobState=CANCELLED*|*JobState=COMPLETING*)"
        yield f"    touch {quote(str(job.stop))}"
        yield "    return 1 ;;"
        yield "esac"
        yield 'scontrol requeue "$SLURM_JOB_ID"'

    def submit(self, script: Path) -> list[str]:
        """Return sbatch; ``--parsable`` is honoured since Slurm 2.6, other replies are parsed."""
        return ["sbatch", "--parsable", str(script)]

    def job_id(self, reply: str) -> str:
        """Return the id.

        Example:
            >>> slurm = Slurm()
            >>> slurm.job_id("4711;gpu"), slurm.job_id("Submitted batch job 12 on cluster x")
            ('4711', '12')
        """
        return find_id(
            r"^(?:Submitted batch job )?(\d+)(?:;\S+| on cluster \S+)?$", reply, "sbatch"
        )

    def query(self, user: str, ids: Sequence[str]) -> list[str]:
        """Return squeue for all jobs of the user: an unknown id among several would be an error."""
        return ["squeue", "--noheader", "--array", "--states=all", f"--user={user}",
                "--format=%i|%T|%r"]  # fmt: skip

    def seen(self, answer: str) -> dict[str, Seen]:
        """Return the states; ended jobs stand there for MinJobAge, 300 s by default.

        Example:
            >>> Slurm().seen("4711_2|RUNNING|None")["4711_2"].state.value
            'running'
        """
        found: dict[str, Seen] = {}
        for line in answer.splitlines():
            name, _, rest = line.strip().partition("|")
            state, _, reason = rest.partition("|")
            said = "" if reason == "None" else reason
            found |= dict.fromkeys(_keys(name), _seen(state, said, _raised(said)))
        return found

    def accounting(self, user: str, ids: Sequence[str]) -> list[str]:
        """Return sacct for all the jobs that squeue no longer knows.

        Without ``--array``, which older ones do not have: groups of elements are parsed.
        """
        return ["sacct", "--allocations", "--noheader", "--parsable2",
                "--format=JobID,State,ExitCode",
                f"--jobs={','.join(key(job) for job in ids)}"]  # fmt: skip

    def ended(self, answer: str) -> dict[str, Seen]:
        """Return the states with their exit codes.

        Example:
            >>> Slurm().ended("4711|FAILED|3:0")["4711"].exit_code
            3
        """
        found: dict[str, Seen] = {}
        for line in answer.splitlines():
            name, _, rest = line.strip().partition("|")
            state, _, code = rest.partition("|")
            found |= dict.fromkeys(_keys(name), _seen(state, "", _exit_code(code)))
        return found

    def cancel(self, ids: Sequence[str]) -> list[str]:
        """Return scancel."""
        return ["scancel", *(key(i) for i in ids)]

    def is_unknown(self, words: str) -> bool:
        """Whether the job is over, or was never there."""
        return bool(re.search(r"Invalid job id|already completing or completed", words))

    def concerns(self, words: str) -> str | None:
        """Return the word of the profile that sbatch refuses."""
        return first_match(REFUSALS, words)


def _keys(name: str) -> list[str]:
    """Return the keys of squeue's ``4711``, ``4711_3`` or ``4711_[4-10:2%4]``."""
    match = re.fullmatch(r"(\d+)(?:_\[?([\d,:%-]+)\]?)?", name)
    if not match:
        return []
    number, span = match.groups()
    return [key(number)] if span is None else [key(number, i) for i in indices(span)]


def _seen(state: str, reason: str, code: int | None = None) -> Seen:
    word = state.split()[0].rstrip("+") if state.split() else ""  # "CANCELLED by 1000"
    found = STATES.get(word, JobState.PENDING)
    if word not in STATES:
        return Seen(found, None, f"in a state unknown here: {state}")
    said = WORDS.get(word, "")
    detail = f" ({reason})" if reason and said else reason
    return Seen(found, 0 if found is JobState.DONE else code or None, f"{said}{detail}")


def _raised(reason: str) -> int | None:
    """Return the exit code in squeue's ``RaisedSignal:9(Killed)``; a site may have no sacct."""
    signal = re.match(r"RaisedSignal:(\d+)", reason)
    return exit_of_signal(int(signal.group(1))) if signal else None


def _exit_code(text: str) -> int | None:
    """Return the code of ``exit:signal``."""
    code, _, signal = text.strip().partition(":")
    if not code.isdigit():
        return None
    return exit_of_signal(int(signal)) if signal.isdigit() and int(signal) else int(code)
