"""``autopeft stop``: end a sweep from another terminal."""

from autopeft.cli.output import say, short
from autopeft.cli.words import Run

EXAMPLE = "autopeft stop runs/tiny-clap-20260110-120000"


def stop(run: Run) -> None:
    """Stop a running sweep as Ctrl-C would; `autopeft resume` goes on from there."""
    from autopeft.clusters.local import stop_driver
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    stop_driver(folder)
    say(f"stopped; resume with: autopeft resume {short(folder.path)}")
