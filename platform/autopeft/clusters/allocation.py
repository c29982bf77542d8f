"""What the scheduler gave a job: its hosts, and this host's share of CPUs, GPUs and memory.

Pure but for ``own_share``: environments and host files come in as text. The first host is the one
on which the job's script runs.
"""

import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autopeft.clusters import DIALECTS
from autopeft.clusters.limits import usable_cpus, usable_memory_gb
from autopeft.core.errors import ClusterError
from autopeft.spec.cluster import AnyQueuedProfile

Environ = Mapping[str, str]
# Where schedulers name this host's GPUs, the most particular first. Slurm's step and job, Grid
# Engine's granted resource map, and what PBS hooks and every other site set.
GPU_VARIABLES = (
    "SLURM_STEP_GPUS",
    "SLURM_JOB_GPUS",
    "SGE_HGR_gpu",
    "SGE_HGR_cuda",
    "CUDA_VISIBLE_DEVICES",
)


@dataclass(frozen=True, slots=True)
class HostShare:
    """What a job has of one host.

    Attributes:
        name: As the scheduler calls it.
        cpus: How many it may use.
        gpu_ids: Which GPUs are its own.
        memory_gb: How much it may fill; None if the scheduler has not said.
    """

    name: str
    cpus: int
    gpu_ids: tuple[str, ...] = ()
    memory_gb: float | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """The hosts of a job with the CPUs the scheduler counts for each, and the job's id."""

    job: str
    cpus: Mapping[str, int]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names, the script's own host first."""
        return tuple(self.cpus)


def read_allocation(
    profile: AnyQueuedProfile, environ: Environ, read: Callable[[str], str] | None = None
) -> Allocation:
    """Return the hosts that the job's environment names.

    The profile's ``cpus_per_host`` counts where the scheduler counts something else than CPUs:
    whole nodes, slots, MPI processes.

    Args:
        profile: What was asked for.
        environ: The environment of the job's script.
        read: Returns the text of a host file.

    Raises:
        ClusterError: It is not the environment of such a job.
    """
    read = read or (lambda path: Path(path).read_text(encoding="utf-8"))
    try:
        job, cpus = _READERS[profile.kind](environ, read)
    except KeyError as error:
        raise ClusterError(
            f"not inside a job of {profile.kind}: {error.args[0]} is not set; `autopeft run` "
            "submits the job that drives a sweep"
        ) from None
    except OSError as error:
        raise ClusterError(f"the host file of the job: {error}") from error
    if not cpus:
        raise ClusterError(f"job {job}: the scheduler names no hosts")
    if profile.cpus_per_host and profile.kind != "slurm":
        cpus = dict.fromkeys(cpus, profile.cpus_per_host)
    return Allocation(job, _own_first(cpus))


def job_of(environ: Environ) -> str:
    """Return the id of the job that this is the environment of; empty if it is none."""
    variables = (DIALECTS.load(kind).job_variable for kind in DIALECTS)
    return next((environ[variable] for variable in variables if environ.get(variable)), "")


def own_share(
    *,
    name: str = "",
    cpus: int | None = None,
    gpus: int | None = None,
    memory_gb: float | None = None,
    environ: Environ | None = None,
) -> HostShare:
    """Return what this process may use of its host.

    Args:
        name: The host's, as the scheduler has it; by default its own.
        cpus: What the scheduler counts; never more than affinity and cgroup allow.
        gpus: How many were asked for; by default as many as the scheduler names.
        memory_gb: What was asked for; never more than the cgroup allows.
        environ: By default this process's.

    Raises:
        ClusterError: GPUs were asked for, and which they are is nowhere said.
    """
    environ = os.environ if environ is None else environ
    name = name or socket.gethostname()
    if cpus is None:
        on_node = environ.get("SLURM_CPUS_ON_NODE") or environ.get("NSLOTS") or environ.get("NCPUS")
        cpus = int(on_node) if on_node and on_node.isdigit() else None
    usable = usable_cpus()
    return HostShare(
        name,
        min(cpus or usable, usable),
        gpu_ids(environ, wanted=gpus, present=_gpus_of_the_machine(), host=name),
        min(memory_gb or usable_memory_gb(), usable_memory_gb()),
    )


def gpu_ids(environ: Environ, *, wanted: int | None, present: int, host: str) -> tuple[str, ...]:
    """Return the ids of the GPUs that the scheduler gave; never guessed on a shared host.

    Example:
        >>> gpu_ids({"SLURM_JOB_GPUS": "0-1,3"}, wanted=3, present=8, host="n1")
        ('0', '1', '3')
        >>> gpu_ids({}, wanted=4, present=4, host="n1")
        ('0', '1', '2', '3')
        >>> gpu_ids({}, wanted=1, present=4, host="n1")
        Traceback (most recent call last):
        ...
        autopeft.core.errors.ClusterError: n1: the job has 1 of 4 GPUs, and none of \
SLURM_STEP_GPUS, SLURM_JOB_GPUS, SGE_HGR_gpu, SGE_HGR_cuda, CUDA_VISIBLE_DEVICES says which; \
export CUDA_VISIBLE_DEVICES in the profile's prologue, or ask for whole hosts
    """
    if wanted == 0:
        return ()
    for variable in GPU_VARIABLES:
        named = tuple(_ids(environ.get(variable, "")))
        if named:
            return named[:wanted]
    if wanted is None:
        return ()
    if wanted == present:  # the whole host: nothing to guess
        return tuple(str(number) for number in range(present))
    raise ClusterError(
        f"{host}: the job has {wanted} of {present} GPUs, and none of {', '.join(GPU_VARIABLES)} "
        "says which; export CUDA_VISIBLE_DEVICES in the profile's prologue, or ask for whole hosts"
    )


def slurm_hosts(nodelist: str) -> list[str]:
    """Return the names in one of Slurm's host lists, as ``scontrol show hostnames`` would.

    Example:
        >>> slurm_hosts("n[1-3,7],gpu-[08-10]-x,login")
        ['n1', 'n2', 'n3', 'n7', 'gpu-08-x', 'gpu-09-x', 'gpu-10-x', 'login']
        >>> slurm_hosts("r[1-2]n[1-2]")
        ['r1n1', 'r1n2', 'r2n1', 'r2n2']
    """
    # Commas within brackets belong to a range.
    parts = re.findall(r"(?:[^,\[]|\[[^\]]*\])+", nodelist)
    return [name for part in parts for name in _span(part)]


def slurm_cpus(text: str) -> list[int]:
    """Return the CPUs of each host.

    Example:
        >>> slurm_cpus("4(x2),2")
        [4, 4, 2]
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part.strip())
        if match:
            found += [int(match.group(1))] * int(match.group(2) or 1)
    return found


def pe_hostfile(text: str) -> dict[str, int]:
    r"""Return host and slots of each line of Grid Engine's ``$PE_HOSTFILE``.

    A host stands there once for each of its queues.

    Example:
        >>> pe_hostfile("n1 4 all.q@n1 <NULL>\nn2 2 all.q@n2 <NULL>\nn1 1 x.q@n1 0\n")
        {'n1': 5, 'n2': 2}
    """
    slots: Counter[str] = Counter()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[1].isdigit():
            slots[words[0]] += int(words[1])
    return dict(slots)


def _slurm(environ: Environ, read: Callable[[str], str]) -> tuple[str, dict[str, int]]:
    job = environ["SLURM_JOB_ID"]
    hosts = slurm_hosts(environ["SLURM_JOB_NODELIST"])
    counts = slurm_cpus(environ.get("SLURM_JOB_CPUS_PER_NODE", ""))
    counts += [counts[-1] if counts else 1] * (len(hosts) - len(counts))
    return job, dict(zip(hosts, counts, strict=False))


def _sge(environ: Environ, read: Callable[[str], str]) -> tuple[str, dict[str, int]]:
    job = environ["JOB_ID"]
    file = environ.get("PE_HOSTFILE")
    if file:
        return job, pe_hostfile(read(file))
    return job, {environ.get("HOSTNAME") or socket.gethostname(): int(environ.get("NSLOTS") or 1)}


def _pbs(environ: Environ, read: Callable[[str], str]) -> tuple[str, dict[str, int]]:
    """Read a line for each MPI process of a chunk; ``NCPUS`` is what each of them has."""
    job = environ["PBS_JOBID"]
    lines = Counter(read(environ["PBS_NODEFILE"]).split())
    ncpus = environ.get("NCPUS", "")
    return job, {host: max(n, int(ncpus) if ncpus.isdigit() else 1) for host, n in lines.items()}


_READERS: dict[str, Callable[[Environ, Callable[[str], str]], tuple[str, dict[str, int]]]] = {
    "slurm": _slurm,
    "sge": _sge,
    "pbs": _pbs,
}


def _own_first(cpus: Mapping[str, int]) -> dict[str, int]:
    """Put this host first: Ray's head is where the script runs."""
    here = socket.gethostname().partition(".")[0]
    return dict(sorted(cpus.items(), key=lambda item: item[0].partition(".")[0] != here))


def _span(part: str) -> Iterator[str]:
    """Yield the names of ``n[08-10]m[1,3]``; a number keeps its leading zeros."""
    match = re.match(r"([^\[]*)\[([^\]]*)\](.*)", part)
    if not match:
        yield part
        return
    prefix, ranges, rest = match.groups()
    for word in ranges.split(","):
        first, _, last = word.partition("-")
        for number in range(int(first), int(last or first) + 1):
            for tail in _span(rest):
                yield f"{prefix}{number:0{len(first)}d}{tail}"


def _ids(text: str) -> Iterator[str]:
    """Yield ids of ``0-1,3``, ``GPU-ab12,GPU-cd34`` or ``gpu0 gpu1``."""
    for word in re.split(r"[,\s]+", text.strip()):
        span = re.fullmatch(r"(\d+)-(\d+)", word)
        if span:
            yield from (str(n) for n in range(int(span.group(1)), int(span.group(2)) + 1))
        elif word and word not in ("NoDevFiles", "-1"):
            yield re.sub(r"^(?:gpu|cuda)(?=\d+$)", "", word)


def _gpus_of_the_machine() -> int:
    return len(list(Path("/dev").glob("nvidia[0-9]*")))
