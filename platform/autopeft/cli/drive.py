"""``autopeft drive``: the driver itself; ``run`` and job scripts call it."""

import os
import signal
import sys
import traceback

import typer

from autopeft.cli.words import Run

EXAMPLE = "autopeft drive runs/tiny-clap-20260110-120000"
# What a trial is, for drills: `AUTOPEFT_TRIALS=trivial` puts a formula in the place of training.
TRIALS = {
    "": "autopeft.sweep.trainable:WarmTrainable",
    "trivial": "autopeft.sweep.trivial:TrivialTrainable",
}


def drive(run: Run) -> None:
    """Drive a sweep to its end in this process; everything but the progress goes to driver.log.

    Inside a job of a cluster, Ray is brought up on all hosts first, and the driver is a child.
    """
    # A shell lets what it starts with `&` ignore Ctrl-C; `autopeft stop` sends just that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from autopeft.clusters.driver import IS_DRIVER
    from autopeft.spec.cluster import LocalProfile
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    profile = folder.sweep().profile
    if isinstance(profile, LocalProfile) or os.environ.get(IS_DRIVER):
        _drive_here(run)
        return
    from autopeft.cli.output import say
    from autopeft.clusters.in_job import drive_in_job

    code = drive_in_job(folder, profile, say=say)
    if code:
        raise typer.Exit(code)


def _drive_here(run: str) -> None:
    from autopeft.cli.live import watching
    from autopeft.cli.terminal import quiet
    from autopeft.clusters.base import CONTINUE
    from autopeft.core.errors import AutopeftError
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    with quiet(folder.driver_log) as terminal:
        from autopeft.sweep.drive import Ending
        from autopeft.sweep.drive import drive as drive_sweep

        trainable = TRIALS[os.environ.get("AUTOPEFT_TRIALS", "")]
        try:
            with watching(folder, terminal) as listener:
                ending = drive_sweep(folder, listeners=[listener], trainable=trainable)
        except AutopeftError as error:
            print(error, file=sys.stderr)  # into the log: this process may have no terminal
            raise
        except Exception as error:  # our own mistake: a sentence here, the rest in the log
            traceback.print_exc()
            raise AutopeftError(
                f"the driver failed: {type(error).__name__}: {error}; "
                f"the traceback is in {folder.driver_log}"
            ) from error
    codes = {Ending.DONE: 0, Ending.INTERRUPTED: 130, Ending.OUT_OF_TIME: CONTINUE}
    if codes[ending]:
        raise typer.Exit(codes[ending])
