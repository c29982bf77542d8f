"""The reference page of clusters: words, profiles, and what each scheduler makes of them."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autopeft.cli.reference import MADE, description, table
from autopeft.clusters import DIALECTS
from autopeft.clusters.base import CONTINUE, Dialect, Job, JobState
from autopeft.core.places import PACKAGE, shipped
from autopeft.spec.cluster import (
    MODES,
    PROFILE_RECORDS,
    AnyProfile,
    Profile,
    QueuedProfile,
    for_mode,
)
from autopeft.spec.cluster_file import load_profile, profile_names
from autopeft.spec.walltime import clock_text

DRILLS = PACKAGE.parent.parent / "tests" / "live" / "drills.json"
STATES = {
    JobState.PENDING: "queued, held, suspended, or waiting to be started again",
    JobState.RUNNING: "running, or ending: its exit code is not there yet",
    JobState.DONE: "the scheduler says it is over, and its script left the exit code 0",
    JobState.FAILED: "its script left another exit code, or the scheduler says why it ended",
    JobState.LOST: "its host is lost or silent, or nobody knows it and it left no exit code",
}
MEANS = {
    "name": "what it is called; by default the file's name",
    "modules": "loaded in this order",
    "environment": "exported as written; for `$VARIABLES` use the prologue",
    "scratch": "where a private folder is made, `TMPDIR` of the job, and removed at its end",
    "prologue": "shell lines before the command; the first that fails ends the job",
    "epilogue": "shell lines after it, however it ended (`$JOB_EXIT_CODE`)",
    "hosts": "how many",
    "cpus_per_host": "CPUs of each; default: the site's",
    "gpus_per_host": "GPUs of each",
    "memory_gb": "of each host; default: the site's",
    "walltime": "`h:mm:ss`, or `90m`, `2h`, `1d12h`",
    "queue": "queue or partition",
    "account": "who is charged: account, project or group",
    "native": "options of the scheduler itself, passed through as they are",
    "interface": "the network that the hosts share, such as `10.0.0.0/16`",
    "min_hosts": "a sweep may begin with so many; default: all",
    "max_requeues": "how often a sweep goes on in a new allocation, or after a lost host",
    "warning_s": "a sweep is told so long before the walltime ends (signal USR1)",
    "query_every_s": "the scheduler is asked once in so many seconds, for all jobs",
    "jobs": "`cpu`, `gpu`, `mpi`, `array`: what `autopeft job` asks for otherwise, same words",
    "launcher": "what starts processes on the hosts: `srun`, `qrsh`, `pbsdsh`, `mpirun`, `ssh`",
    "gpu_option": "`gpus-per-node` or `gres`",
    "gpu_type": "such as `a100`",
    "qos": "quality of service",
    "exclusive": "nobody else on the hosts",
    "resource_type": "the site's word for a host's shape",
    "parallel_environment": "`qconf -spl` lists them",
    "slots_per_host": "as the parallel environment allots them; default: the CPUs",
    "memory_resource": "by which memory is asked for, per slot",
    "gpu_resource": "by which GPUs are asked for",
    "account_option": "the option that takes the account",
}
# Every generic word once, so that the table shows what becomes of it.
SAMPLE = {
    "slurm": ["gpu_type=a100", "qos=high", "exclusive=true"],
    "sge": ["parallel_environment=ray"],
    "pbs": [],
}
WORDS = [
    "hosts=2", "cpus_per_host=8", "gpus_per_host=4", "memory_gb=64", "walltime=2h", "queue=long",
    "account=mine",
]  # fmt: skip


def cluster_page() -> str:
    """Return the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield from (MADE, "# Clusters", "")
    yield "How they are used: [how-to/clusters.md](../how-to/clusters.md)."
    yield from ("", "## Profiles that come with autopeft", "")
    rows = [[f"`{name}`", f"`{load_profile(name).kind}`", _first_line(name)] for name in _names()]
    yield from table(["profile", "kind", "what it is"], rows)
    yield from ("", "What `autopeft job` asks for by its mode:", "")
    rows = [[f"`{name}`", *map(_shape, _modes(name))] for name in _names() if name != "local"]
    yield from table(["profile", *(f"`{mode}`" for mode in MODES)], rows)
    yield ""
    yield from ("## Words of every kind", "", *_words(Profile), "")
    yield from ("## Words of every kind with a queue", "", *_words(QueuedProfile, Profile), "")
    for kind, record in PROFILE_RECORDS.items():
        above = QueuedProfile if issubclass(record, QueuedProfile) else Profile
        yield from (f"## kind: {kind}", "", *description(record), "", *_words(record, above), "")
    yield from ("## What a scheduler makes of the words", "")
    yield f"For `{', '.join(WORDS)}` and an array of three, each scheduler's script begins:"
    for kind in DIALECTS:
        more = ", ".join(f"`{word}`" for word in SAMPLE.get(kind, []))
        yield from ("", f"{kind}{f', with {more}' if more else ''}:")
        yield from ("", "```bash", *_directives(kind), "```")
    yield from ("", "## States", "")
    yield from table(["state", "means"], [[f"`{state}`", STATES[state]] for state in JobState])
    yield from ("", "## Exit codes of `autopeft run` and `resume` on a cluster", "")
    rows = [
        ["0", "the sweep is done; with `--detach`, its job is submitted"],
        ["1", "failed: the driver's own sentence is shown; lost; refused by the scheduler"],
        ["2", "asked wrongly, also by a word of the profile that the scheduler refuses"],
        [str(CONTINUE), "stopped before the walltime, and `max_requeues` is used up"],
        ["130", "stopped: by `autopeft stop`, or Ctrl-C here, whatever became of the job"],
        ["128 + n", "ended by signal n"],
    ]
    yield from table(["code", "means"], rows)
    yield from ("", "## Exit codes of `autopeft job`", "")
    rows = [
        ["0", "everything is done"],
        ["the command's", "of an array, that of the first element that failed"],
        ["1", "failed without an exit code, lost, refused by the scheduler"],
        ["2", "asked wrongly; nothing was submitted"],
        ["128 + n", "ended by signal n, whatever the command itself said"],
        ["130, 143", "the dispatcher was stopped by Ctrl-C or TERM, the job is cancelled"],
    ]
    yield from (*table(["code", "means"], rows), "")
    yield from _drills()


def _drills() -> Iterator[str]:
    """Yield what became of the drills on real schedulers; only a checkout has that."""
    if not DRILLS.is_file():
        return
    known = json.loads(DRILLS.read_text(encoding="utf-8"))
    yield from ("## Drills on real schedulers", "")
    versions = known["versions"]
    yield (
        f"Run by `make live` on two hosts made on one machine (tests/live/README.md): Slurm "
        f"{versions['slurm-wlm']}, Grid Engine {versions['gridengine-exec']}, PBS by Torque's "
        f"front ends {versions['slurm-wlm-torque']} before the same Slurm, Ray {versions['ray']}. "
        "Seconds are those of the last recording, on a machine that other work shared; the code "
        f"was {_commits(known['drills'])}. What Torque's front ends cannot show of PBS stands in "
        "tests/live/README.md."
    )
    yield ""
    rows = [
        [title, *(_outcome(found.get(name)) for name in (*DIALECTS, "lab"))]
        for title, found in known["drills"].items()
    ]
    yield from (*table(["drill", *(f"`{name}`" for name in DIALECTS), "no scheduler"], rows), "")


def _commits(drills: dict[str, dict[str, Any]]) -> str:
    """Return the commits that the rows were recorded at, the most rows first."""
    rows = Counter(found.get("commit", "?") for row in drills.values() for found in row.values())
    return ", ".join(f"`{commit}` ({count} results)" for commit, count in rows.most_common())


def _outcome(found: dict[str, Any] | None) -> str:
    if found is None or found["outcome"] == "skipped":
        return "–"
    more = f"; {found['found']}" if "found" in found else ""
    return f"{found['outcome']}, {found['seconds']} s{more}"


def _words(record: type[Profile], above: type[Profile] | None = None) -> list[str]:
    """Return the fields that ``record`` adds to the record above it."""
    known = {"kind", *(above.model_fields if above else ())}
    rows = [
        [f"`{name}`", _default(record, name), MEANS[name]]
        for name in record.model_fields
        if name not in known
    ]
    return table(["word", "default", "means"], rows)


def _default(record: type[Profile], name: str) -> str:
    value = record.model_fields[name].get_default(call_default_factory=True)
    if name == "walltime":
        value = clock_text(value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "–" if value in (None, "", (), {}) or name == "jobs" else f"`{value}`"


def _names() -> list[str]:
    return profile_names()


def _modes(name: str) -> Iterator[AnyProfile]:
    profile = load_profile(name)
    return (for_mode(profile, mode) for mode in MODES)


def _first_line(name: str) -> str:
    text = (shipped("clusters") / f"{name}.yaml").read_text(encoding="utf-8")
    return text.partition("\n")[0].lstrip("# ")


def _shape(profile: AnyProfile) -> str:
    hosts, cpus, gpus = profile.hosts, profile.cpus_per_host, profile.gpus_per_host
    kind = getattr(profile, "resource_type", None)
    said = [f"{hosts} host{'s' if hosts > 1 else ''}"]
    said += [f"`{kind}`"] if kind else []
    said += [f"{cpus} CPUs"] if cpus else []
    said += [f"{gpus} GPU{'s' if gpus > 1 else ''}"] if gpus else []
    return ", ".join(said)


def _directives(kind: str) -> list[str]:
    from autopeft.clusters.dispatch import split_tasks

    dialect: Dialect = DIALECTS.load(kind)()
    profile = load_profile(kind, [*WORDS, *SAMPLE.get(kind, [])])
    log = Path("/home/me/prep.log")
    job = Job(
        name="prep",
        command=("prep",),
        profile=profile,
        workdir=log.parent,
        log=log,
        records=Path(f"{log}.job"),
        chunks=split_tasks(3, 1),
        warning_s=120,
    )
    return [f"{dialect.directive} {option}" for option in dialect.options(job)]
