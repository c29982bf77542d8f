"""``autopeft logs``: what a sweep's job or driver printed."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autopeft.cli.words import Run

if TYPE_CHECKING:
    from autopeft.tracking.run_folder import RunFolder

EXAMPLE = "autopeft logs -f runs/tiny-clap-20260110-120000"
LOOK_EVERY_S = 0.5


def logs(
    run: Run,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until the sweep ends.")
    ] = False,
    driver: Annotated[
        bool, typer.Option("--driver", help="The driver's own log, also of a job.")
    ] = False,
) -> None:
    """Print the log of a sweep: of a job its progress, on this machine what the driver wrote."""
    from autopeft.clusters.queued import is_queued
    from autopeft.core.errors import RunFolderError
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    in_queue = is_queued(folder.sweep()) and not driver
    path = folder.path / "job.log" if in_queue else folder.driver_log
    if not follow:
        if not path.exists():
            raise RunFolderError(f"{path}: nothing has been written yet; autopeft status {run}")
        _print_new(path, 0)
        return
    try:
        with _ending(folder) as is_over:
            _print_until(path, is_over)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def _ending(folder: "RunFolder") -> Iterator[Callable[[], bool]]:
    """Yield what tells whether the sweep has ended."""
    from autopeft.clusters.local import driver_of
    from autopeft.clusters.queued import is_queued, job_watch

    if is_queued(folder.sweep()):
        with job_watch(folder) as watch:
            yield lambda: watch.look().is_over
    else:
        yield lambda: driver_of(folder) is None


def _print_until(path: Path, is_over: Callable[[], bool]) -> None:
    place, over = 0, False
    while not over:
        over = is_over()  # before the last look, so that nothing is missed
        place = _print_new(path, place)
        if not over:
            time.sleep(LOOK_EVERY_S)


def _print_new(path: Path, place: int) -> int:
    """Print what stands in the file from ``place`` on; return where that ends."""
    if not path.exists():
        return place
    with path.open("rb") as file:
        file.seek(place)
        text = file.read()
    sys.stdout.write(text.decode(errors="replace"))
    sys.stdout.flush()
    return place + len(text)
