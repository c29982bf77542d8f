"""``autopeft run``: a whole sweep, from the file to the winner."""

from pathlib import Path

from autopeft.cli.output import say, short
from autopeft.cli.words import Json, Overrides, Runs, SearchFile

EXAMPLE = "autopeft run search.yaml search.trials=48"
NOT_YET = (
    "a sweep cannot be submitted yet; `autopeft plan` prints its job script, `cluster=local` runs "
    "it on this machine"
)


def run(
    file: SearchFile,
    overrides: Overrides = None,
    runs: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Run a sweep and print the winner beside the baselines.

    A live table shows how it stands. Ctrl-C stops cleanly; `autopeft resume` goes on from there.
    """
    from autopeft.cli.ending import drive_to_end
    from autopeft.cli.terminal import hush
    from autopeft.core.errors import InputError
    from autopeft.spec.load import load_sweep
    from autopeft.sweep.preflight import preflight
    from autopeft.tracking.run_folder import create_run

    hush()
    sweep = load_sweep(file, overrides or [])
    if sweep.profile.kind != "local":
        raise InputError([sweep.problem(("cluster",), NOT_YET)])
    for remark in preflight(sweep):
        say(str(remark))
    folder = create_run(sweep, runs)
    say(f"{short(folder.path)}: {sweep.name}, {sweep.settings.search.trials} trials")
    drive_to_end(folder, json=json)
