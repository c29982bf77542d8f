"""What a user may write about a cluster: generic words, which each scheduler's dialect translates.

A profile is one of four kinds. Its words are the same for all schedulers (``hosts``,
``gpus_per_host``, ``walltime``); what a site wants beyond them passes through ``native``.
"""

import ipaddress
import re
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from autopeft.spec.record import Record, about
from autopeft.spec.walltime import clock_text, parse_walltime

Mode: TypeAlias = Literal["cpu", "gpu", "mpi", "array"]
MODES: tuple[Mode, ...] = ("cpu", "gpu", "mpi", "array")
Launcher: TypeAlias = Literal["srun", "qrsh", "pbsdsh", "mpirun", "ssh"]
AccountOption: TypeAlias = Literal["-A", "-P", "-g"]

# Scheduler options are single words or quoted; a line break would begin a new directive.
ONE_LINE = r"^[^\n\r]*$"
WORD = r"^[A-Za-z0-9][\w.@:+-]*$"


def check_interface(cidr: str) -> str:
    """Return ``cidr`` if it is a network, such as ``10.0.0.0/16``.

    Raises:
        ValueError: It is none; says which network was perhaps meant.

    Example:
        >>> check_interface("10.0.0.0/16")
        '10.0.0.0/16'
        >>> check_interface("10.0.3.7/16")
        Traceback (most recent call last):
        ...
        ValueError: found '10.0.3.7/16', a host in a network; write the network: 10.0.0.0/16
    """
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        raise ValueError(
            f"found {cidr!r}, a network with its mask would be right, such as 10.0.0.0/16"
        ) from None
    if "/" not in cidr:
        raise ValueError(f"found {cidr!r}, one address; write its network, such as 10.0.0.0/16")
    address, _, mask = cidr.partition("/")
    if ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"found {cidr!r}, a host in a network; write the network: {network}")
    return f"{network.network_address}/{mask}"


def check_scratch(path: str) -> str:
    """Return ``path`` if it is absolute or begins with a variable, such as ``$TMPDIR``.

    Raises:
        ValueError: It is relative, or holds what a shell would take for more than a path.
    """
    if not re.fullmatch(r"(/|\$[A-Za-z_]\w*)[\w./@+-]*", path):
        raise ValueError(
            f"found {path!r}, an absolute path would be right, or one that begins with a variable "
            "of the job, such as $TMPDIR"
        )
    return path


def check_environment(variables: dict[str, str]) -> dict[str, str]:
    """Return ``variables`` if each name can be exported and each value is one line.

    Raises:
        ValueError: A name is no shell variable, or a value has several lines.
    """
    for name, value in variables.items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"{name!r} is no name of a variable; letters, digits and _ are right")
        if "\n" in value:
            raise ValueError(f"the value of {name} has several lines; export it in the prologue")
    return variables


def as_text(value: Any) -> Any:
    """Return the numbers among the values as text, since an environment has nothing else."""
    if not isinstance(value, dict):
        return value
    return {
        key: str(item) if isinstance(item, int | float) and not isinstance(item, bool) else item
        for key, item in value.items()
    }


Option = Annotated[str, Field(min_length=1, pattern=ONE_LINE)]
Word = Annotated[str, Field(min_length=1, pattern=WORD)]
Module = Annotated[str, Field(pattern=r"^[\w./+@:-]+$")]
Walltime = Annotated[int, BeforeValidator(parse_walltime), PlainSerializer(clock_text)]


class Profile(Record):
    """What every kind of cluster has: how a job's shell is prepared."""

    name: str = Field("", max_length=60, pattern=r"^[A-Za-z0-9._-]*$")
    modules: tuple[Module, ...] = ()
    environment: Annotated[
        dict[str, str], BeforeValidator(as_text), AfterValidator(check_environment)
    ] = Field({})
    scratch: Annotated[str, AfterValidator(check_scratch)] | None = None
    prologue: str = ""
    epilogue: str = ""


class Jobs(Record):
    """What a mode of `autopeft job` asks for otherwise than the profile: the same words again."""

    cpu: dict[str, Any] = Field({})
    gpu: dict[str, Any] = Field({})
    mpi: dict[str, Any] = Field({})
    array: dict[str, Any] = Field({})


class LocalProfile(Profile):
    """This machine: jobs are processes; so many elements of an array run side by side as CPUs."""

    hosts: ClassVar[int] = 1
    gpus_per_host: ClassVar[int] = 0

    kind: Literal["local"] = "local"
    cpus_per_host: int | None = Field(None, ge=1)


class QueuedProfile(Profile):
    """What all schedulers have: hosts of one shape for a time, in a queue, on an account."""

    hosts: int = Field(1, ge=1, le=10_000)
    cpus_per_host: int | None = Field(None, ge=1)
    gpus_per_host: int = Field(0, ge=0, le=64)
    memory_gb: float | None = Field(None, gt=0)
    walltime: Walltime = 3600
    queue: Word | None = None
    account: Word | None = None
    native: tuple[Option, ...] = ()
    interface: Annotated[str, AfterValidator(check_interface)] | None = None
    min_hosts: int | None = Field(None, ge=1)
    max_requeues: int = Field(0, ge=0, le=1000)
    warning_s: int = Field(120, ge=0, le=3600)
    query_every_s: float = Field(10, gt=0, le=60)
    jobs: Jobs = Jobs()

    @model_validator(mode="after")
    def _no_contradiction(self) -> "QueuedProfile":
        if self.min_hosts is not None and self.min_hosts > self.hosts:
            raise about("min_hosts", f"{self.min_hosts} is above hosts {self.hosts}")
        if self.warning_s >= self.walltime:
            raise about(
                "warning_s",
                f"{self.warning_s} seconds before a walltime of {self.walltime} seconds is before "
                "the job begins; write fewer",
            )
        return self


class SlurmProfile(QueuedProfile):
    """Slurm: partitions, accounts, `--gpus-per-node` or `--gres`."""

    kind: Literal["slurm"] = "slurm"
    launcher: Launcher = "srun"
    gpu_option: Literal["gpus-per-node", "gres"] = "gpus-per-node"
    gpu_type: Word | None = None
    qos: Word | None = None
    exclusive: bool = False


class SgeProfile(QueuedProfile):
    """Grid Engine: a site's `resource_type`, or a parallel environment with slots.

    With a `resource_type` (TSUBAME's `node_f`) the site knows its CPUs, GPUs and memory; what the
    profile says of them is then for our own counting, and is not asked for.
    """

    kind: Literal["sge"] = "sge"
    launcher: Launcher = "qrsh"
    resource_type: Word | None = None
    parallel_environment: Word | None = None
    slots_per_host: int | None = Field(None, ge=1)
    memory_resource: Word = "h_vmem"
    gpu_resource: Word = "gpu"
    account_option: AccountOption = "-P"

    @model_validator(mode="after")
    def _several_hosts_need_a_shape(self) -> "SgeProfile":
        alone = self.resource_type is None and self.parallel_environment is None
        wanted = self.hosts > 1 or (self.cpus_per_host or 1) > 1
        if alone and wanted:
            raise about(
                "parallel_environment",
                "missing; without one (qconf -spl lists them), or a resource_type, Grid Engine "
                "gives one slot on one host",
            )
        return self


class PbsProfile(QueuedProfile):
    """PBS Professional and OpenPBS: chunks by `select`; or a site's `resource_type`, a queue.

    With a `resource_type` (ABCI's `rt_HF`) the chunks are the site's, and only their number is
    asked for.
    """

    kind: Literal["pbs"] = "pbs"
    launcher: Launcher = "pbsdsh"
    resource_type: Word | None = None
    account_option: Literal["-A", "-P"] = "-A"


AnyProfile: TypeAlias = LocalProfile | SlurmProfile | SgeProfile | PbsProfile
AnyQueuedProfile: TypeAlias = SlurmProfile | SgeProfile | PbsProfile
PROFILE_RECORDS: dict[str, type[AnyProfile]] = {
    "local": LocalProfile,
    "slurm": SlurmProfile,
    "sge": SgeProfile,
    "pbs": PbsProfile,
}


def for_mode(profile: AnyProfile, mode: Mode) -> AnyProfile:
    """Return the profile for a mode of job: what ``jobs`` says of it laid over the rest.

    Without a word about it, ``cpu`` and ``array`` take one host and no GPU, ``gpu`` one host and at
    least one GPU, ``mpi`` what the profile says.
    """
    if isinstance(profile, LocalProfile):
        return profile
    shape: dict[str, Any] = {}
    if mode in ("cpu", "array", "gpu"):
        shape = {"hosts": 1, "min_hosts": None}
        shape["gpus_per_host"] = max(1, profile.gpus_per_host) if mode == "gpu" else 0
    own: dict[str, Any] = getattr(profile.jobs, mode)
    if mode == "array" and not own:
        own = profile.jobs.cpu
    words = profile.model_dump(mode="json", exclude={"jobs"})
    return type(profile).model_validate(words | shape | own)
