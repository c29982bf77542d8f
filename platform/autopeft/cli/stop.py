"""``autopeft stop``: end a sweep from another terminal."""

from autopeft.cli.output import say, short
from autopeft.cli.words import Run

EXAMPLE = "autopeft stop runs/tiny-clap-20260110-120000"


def stop(run: Run) -> None:
    """Stop a sweep, here as Ctrl-C would, in a queue by cancelling its job, waiting or running.

    `autopeft resume` goes on from there. Stopping twice is fine.
    """
    from autopeft.clusters.local import driver_of, stop_driver
    from autopeft.clusters.queued import end_in_words, is_queued, stop_sweep
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    if is_queued(folder.sweep()):
        standing = stop_sweep(folder)
        ending = "" if standing.is_over else ", cancelled; its hosts are still busy with ending it"
        say(f"{end_in_words(standing)}{ending}")
    elif driver_of(folder) is None:
        ended = folder.history().ended
        if ended is not None:
            say(f"{short(folder.path)} has ended: {ended.reason}")
            return
        say("no driver is running on this machine")
    else:
        stop_driver(folder)
    say(f"stopped; resume with: autopeft resume {short(folder.path)}")
