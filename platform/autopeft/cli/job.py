"""``autopeft job``: any command through the scheduler, without Ray."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autopeft.cli.output import answer, say

if TYPE_CHECKING:
    from autopeft.clusters.base import Job
    from autopeft.spec.cluster import Mode

EXAMPLE = "autopeft job --cluster slurm array --tasks 1000 --tasks-per-job 50 prep.log -- ./prep.sh"
MODES = ("cpu", "gpu", "mpi", "array")
TERMINATED = {signal.SIGTERM: 143, signal.SIGHUP: 129}


def job(
    mode: Annotated[
        str, typer.Argument(metavar="MODE", help="cpu, gpu, mpi or array: what it needs.")
    ],
    log: Annotated[Path, typer.Argument(metavar="LOG", help="Where its output goes.")],
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="What to run, after --.")],
    cluster: Annotated[
        str, typer.Option("--cluster", metavar="P", help="A profile's name, or its file.")
    ] = "local",
    tasks: Annotated[
        int | None, typer.Option("--tasks", min=1, help="Tasks 1 … N, each job gets a range.")
    ] = None,
    tasks_per_job: Annotated[
        int, typer.Option("--tasks-per-job", min=1, help="Tasks of one job of the array.")
    ] = 1,
    task_list: Annotated[
        Path | None, typer.Option("--task-list", help="A file with a task on each line.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="MPI processes over all hosts.")
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="WORD=VALUE", help="Over the profile: walltime=2h."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Run also what is done.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the script, submit nothing.")
    ] = False,
) -> None:
    """Run a command through a scheduler, or here, and wait for its end.

    Its exit code is ours. In an array each job finds its tasks in TASK_INDEX (the first, from 1)
    and TASK_STEPSIZE (how many), and with --task-list in the file that TASK_LIST names. What an
    earlier run of the same command has done is skipped. Ctrl-C cancels.
    """
    from autopeft.clusters.dispatch import dispatch, exit_code
    from autopeft.clusters.submission import script_of
    from autopeft.sweep.machine import cpus_here

    lines = _lines(task_list)
    made = _job(mode, log, command, cluster, words or [], tasks, tasks_per_job, lines, processes)
    if dry_run:
        answer(script_of(made).rstrip("\n"))
        return
    slots = 1 if mode in ("gpu", "mpi") else made.profile.cpus_per_host or cpus_here()
    for number in TERMINATED:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _terminate)
    try:
        found = dispatch(made, tasks=lines or (), slots=slots, again=again, say=say)
    except _Terminated as told:
        raise typer.Exit(told.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(exit_code(found))


class _Terminated(KeyboardInterrupt):
    """Somebody asked this process to end; it ends as by Ctrl-C, with another exit code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__()


def _terminate(number: int, frame: Any) -> None:
    raise _Terminated(TERMINATED[signal.Signals(number)])


def _job(
    mode: str,
    log: Path,
    command: list[str],
    cluster: str,
    words: list[str],
    tasks: int | None,
    tasks_per_job: int,
    lines: list[str] | None,
    processes: int | None,
) -> "Job":
    """Return the job that was asked for.

    Raises:
        InputError: What was asked for does not go together.
    """
    from autopeft.clusters.base import Job
    from autopeft.clusters.dispatch import split_tasks
    from autopeft.clusters.submission import carried
    from autopeft.spec.cluster_file import load_profile

    checked = _checked(mode, tasks, lines, processes)
    profile = load_profile(cluster, words, mode=checked)
    count = len(lines) if lines is not None else tasks or 0
    place = log.expanduser().absolute()
    return Job(
        name=place.stem,
        command=tuple(command),
        profile=profile,
        workdir=Path.cwd(),
        log=place,
        records=place.with_name(f"{place.name}.job"),
        chunks=split_tasks(count, tasks_per_job),
        task_count=count,
        task_list=lines is not None,
        processes=(processes or profile.hosts) if checked == "mpi" else 0,
        environment=carried(),
    )


def _checked(
    mode: str, tasks: int | None, lines: list[str] | None, processes: int | None
) -> "Mode":
    from autopeft.core.choices import known_words
    from autopeft.core.errors import InputError

    if mode not in MODES:
        raise InputError(f"no mode named {mode!r}{known_words(mode, list(MODES))}")
    many = tasks is not None or lines is not None
    if tasks is not None and lines is not None:
        raise InputError("--tasks and --task-list exclude each other; the list knows its length")
    if mode == "array" and not many:
        raise InputError("array: no tasks; write --tasks N or --task-list FILE")
    if mode == "mpi" and many:
        raise InputError("mpi: one job has no tasks; take --tasks out")
    if mode != "mpi" and processes is not None:
        raise InputError(f"{mode}: --processes goes with mpi")
    return mode  # type: ignore[return-value]


def _lines(path: Path | None) -> list[str] | None:
    from autopeft.core.errors import InputError

    if path is None:
        return None
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not lines:
        raise InputError(f"{path}: no task in it; one on each line would be right")
    return lines
