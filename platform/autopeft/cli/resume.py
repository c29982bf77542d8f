"""``autopeft resume``: go on where a sweep stopped."""

from autopeft.cli.output import say, short
from autopeft.cli.words import Json, Overrides, Run

EXAMPLE = "autopeft resume runs/tiny-clap-20260110-120000 search.trials=48"


def resume(run: Run, overrides: Overrides = None, json: Json = False) -> None:
    """Go on where a sweep stopped or was killed; nothing that ran is run again.

    The budget can be changed: search.trials is a total, so a larger one extends the sweep.
    So can search.scheduler and search.patience: the new one takes the journal as its history.
    """
    from autopeft.cli.ending import drive_to_end
    from autopeft.sweep.amend import amend
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    for sentence in amend(folder, overrides or []):
        say(sentence)
    say(f"{short(folder.path)}: resumed")
    drive_to_end(folder, json=json)
