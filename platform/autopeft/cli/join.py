"""``autopeft join``: this host gives its CPUs and GPUs to a sweep that runs."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "autopeft join runs/tiny-clap-20260110-120000"


def join(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.", exists=True)],
    host: Annotated[str, typer.Option(help="What the scheduler calls this host.")] = "",
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs of the job on it.")] = None,
    gpus: Annotated[int | None, typer.Option(min=0, help="GPUs of the job on it.")] = None,
    memory: Annotated[float | None, typer.Option(help="Memory of the job on it, in GB.")] = None,
    interface: Annotated[
        str | None, typer.Option(help="The network that the hosts share, such as 10.0.0.0/16.")
    ] = None,
) -> None:
    """Give this host to a running sweep until it is over, or until the host is told to leave.

    Jobs do this on their other hosts; as the command of a job of its own it adds a host.
    """
    import os
    import time

    from autopeft.cli.output import say
    from autopeft.clusters.allocation import job_of, own_share
    from autopeft.clusters.join import join as join_run

    # The hosts of the driver's own job are told their names; a worker job's is its own.
    code = join_run(
        run.resolve(),
        own_share(name=host, cpus=cpus, gpus=gpus, memory_gb=memory),
        interface=interface,
        job="" if host else job_of(os.environ) or str(os.getpid()),
        say=lambda text: say(f"{time.strftime('%H:%M:%S')}  {text}"),
    )
    if code:
        raise typer.Exit(code)
