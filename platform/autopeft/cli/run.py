"""``autopeft run``: a whole sweep, from the file to the winner."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from autopeft.cli.output import say, short
from autopeft.cli.words import (
    AllowCode,
    Cluster,
    Detach,
    Json,
    Overrides,
    Runs,
    SearchFile,
    on_cluster,
)

if TYPE_CHECKING:
    from autopeft.clusters.submission import Submission
    from autopeft.spec.sweep import Sweep
    from autopeft.tracking.run_folder import RunFolder

EXAMPLE = "autopeft run search.yaml search.trials=48"


def run(
    file: SearchFile,
    overrides: Overrides = None,
    cluster: Cluster = None,
    detach: Detach = False,
    runs: Runs = Path("runs"),
    allow_code: AllowCode = False,
    json: Json = False,
) -> None:
    """Run a sweep, here or on a cluster, and print the winner beside the baselines.

    A live table shows how it stands. Here Ctrl-C stops cleanly; of a job in a queue it asks
    whether to leave it alone or to cancel it. `autopeft resume` goes on from there.
    """
    from autopeft.cli.ending import drive_to_end
    from autopeft.cli.terminal import hush
    from autopeft.core.errors import InputError
    from autopeft.sweep.api import start_run
    from autopeft.sweep.preflight import load_checked

    hush()
    sweep, remarks = load_checked(file, [*(overrides or []), *on_cluster(cluster)])
    if detach and sweep.profile.kind == "local":
        raise InputError("--detach: a sweep on this machine ends with its terminal; use nohup")
    for remark in remarks:
        say(str(remark))
    folder = start_run(sweep, runs, allow_code=allow_code)
    say(f"{short(folder.path)}: {sweep.name}, {sweep.settings.search.trials} trials")
    if sweep.profile.kind == "local":
        drive_to_end(folder, json=json)
        return
    from autopeft.cli.following import submit_and_follow

    submit_and_follow(folder, lambda: _submitted(folder, sweep), detach=detach, json=json)


def _submitted(folder: "RunFolder", sweep: "Sweep") -> "Submission":
    """Submit; of a sweep that is refused, or cannot be submitted here, no folder is left."""
    from autopeft.clusters.queued import as_written, submit_sweep
    from autopeft.clusters.submission import Refused
    from autopeft.core.errors import ClusterError

    try:
        return submit_sweep(folder)
    except ClusterError as error:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise (as_written(error, sweep) if isinstance(error, Refused) else error) from error
