"""``autopeft resume``: go on where a sweep stopped."""

from autopeft.cli.output import say, short
from autopeft.cli.words import AllowCode, Cluster, Detach, Json, Overrides, Run, on_cluster

EXAMPLE = "autopeft resume runs/tiny-clap-20260110-120000 search.trials=48"


def resume(
    run: Run,
    overrides: Overrides = None,
    cluster: Cluster = None,
    detach: Detach = False,
    allow_code: AllowCode = False,
    json: Json = False,
) -> None:
    """Go on where a sweep stopped or was killed; nothing that ran is run again.

    The budget can be changed: search.trials is a total, so a larger one extends the sweep.
    So can search.scheduler, search.patience, search.searcher, and what is searched (ranges,
    choices, branches of method): the new one takes the journal as its history.
    And where it runs: --cluster local, or another profile. A job that is still there is watched.
    """
    from autopeft.cli.ending import drive_to_end
    from autopeft.clusters.queued import as_written, living_job, submit_sweep
    from autopeft.clusters.submission import Refused
    from autopeft.core.errors import InputError
    from autopeft.sweep.amend import amend
    from autopeft.sweep.api import reopen_run

    folder = reopen_run(run, allow_code=allow_code)
    changes = [*(overrides or []), *on_cluster(cluster)]
    if living := living_job(folder):
        from autopeft.cli.following import hand_over

        if changes:
            raise InputError(
                f"job {living.submission.id} is still there, so nothing can change: "
                f"autopeft stop {short(folder.path)}"
            )
        hand_over(folder, living.submission, detach=detach, json=json)
        return
    for sentence in amend(folder, changes):
        say(sentence)
    say(f"{short(folder.path)}: resumed")
    sweep = folder.sweep()
    if sweep.profile.kind == "local" or (folder.history().is_over and not changes):
        drive_to_end(folder, json=json)  # of a finished sweep only the page is made anew
        return
    from autopeft.cli.following import submit_and_follow

    try:
        submit_and_follow(folder, lambda: submit_sweep(folder), detach=detach, json=json)
    except Refused as refused:
        raise as_written(refused, sweep) from refused
