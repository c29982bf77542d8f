"""``autopeft drive``: the driver itself; ``run`` and job scripts call it."""

import signal
import traceback

import typer

from autopeft.cli.words import Run

EXAMPLE = "autopeft drive runs/tiny-clap-20260110-120000"


def drive(run: Run) -> None:
    """Drive a sweep to its end in this process; everything but the progress goes to driver.log."""
    # A shell lets what it starts with `&` ignore Ctrl-C; `autopeft stop` sends just that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from autopeft.cli.live import watching
    from autopeft.cli.terminal import quiet
    from autopeft.core.errors import AutopeftError
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    with quiet(folder.driver_log) as terminal:
        from autopeft.sweep.drive import Ending
        from autopeft.sweep.drive import drive as drive_sweep

        try:
            with watching(folder, terminal) as listener:
                ending = drive_sweep(folder, listeners=[listener])
        except AutopeftError:
            raise
        except Exception as error:  # our own mistake: a sentence here, the rest in the log
            traceback.print_exc()
            raise AutopeftError(
                f"the driver failed: {type(error).__name__}: {error}; "
                f"the traceback is in {folder.driver_log}"
            ) from error
    if ending is Ending.INTERRUPTED:
        raise typer.Exit(130)
