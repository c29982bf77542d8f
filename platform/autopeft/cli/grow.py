"""``autopeft grow``: more hosts for a sweep that runs on a cluster."""

from typing import Annotated

import typer

from autopeft.cli.words import Run

EXAMPLE = "autopeft grow runs/tiny-clap-20260110-120000 --hosts 4"


def grow(
    run: Run,
    hosts: Annotated[int, typer.Option(min=1, help="How many more.")] = 1,
    walltime: Annotated[str, typer.Option(help="Of each; default: the sweep's.")] = "",
    queue: Annotated[str, typer.Option(help="Of each; default: the sweep's.")] = "",
) -> None:
    """Submit jobs of one host each that join a running sweep, and leave before their walltime.

    They take trials as soon as the queue gives them a host, and end when the sweep is over.
    """
    from autopeft.cli.output import answer, say
    from autopeft.clusters.grow import worker_jobs
    from autopeft.clusters.submission import submit
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    job = worker_jobs(folder.sweep(), folder.path, hosts, walltime=walltime, queue=queue)
    answer(submit(job).id)
    say(f"{hosts} worker job{'s' if hosts > 1 else ''}; what they say is in {job.log.parent}")
