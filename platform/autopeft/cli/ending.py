"""What ``run`` and ``resume`` share: the driver is started, and its end is told."""

import sys

import typer

from autopeft.cli.output import answer, answer_json, answer_table, say, short
from autopeft.core.units import duration
from autopeft.tracking.run_folder import RunFolder

INTERRUPTED = 130
SHOW_CURSOR = "\x1b[?25h"


def drive_to_end(run: RunFolder, *, json: bool) -> None:
    """Run the driver until it ends; print the summary, or how to go on.

    Raises:
        typer.Exit: With the driver's code, if that is not 0.
    """
    from autopeft.clusters.local import run_driver

    code = run_driver(run, warn=_warn)
    if code == 0:
        tell_result(run, json=json)
        return
    _show_cursor()
    if code == INTERRUPTED:
        say("interrupted; nothing is lost")
    say(f"resume with: autopeft resume {short(run.path)}")
    raise typer.Exit(code)


def _warn(text: str) -> None:
    """Say what happened to the driver."""
    _show_cursor()
    say(text)


def _show_cursor() -> None:
    """A driver that was killed left its table and no cursor."""
    if sys.stderr.isatty():
        print(SHOW_CURSOR, file=sys.stderr)


def tell_result(run: RunFolder, *, json: bool) -> None:
    """Print winner and baselines with their spread, what it took, and where the report is."""
    from autopeft.reports.result import result
    from autopeft.reports.table import summary_table
    from autopeft.reports.words import counts_in_words

    history, sweep = run.history(), run.sweep()
    if json:
        answer_json(result(history, sweep))
        return
    answer_table(summary_table(history, sweep.task))
    answer(f"trials:  {counts_in_words(history)}")
    answer(f"time:    {duration(history.active_seconds)}")
    answer(f"report:  {short(run.report)}")
    if run.unsynced.is_file():
        lack = run.unsynced.read_text().strip()
        answer(f"MLflow:  {lack}; later: autopeft sync {short(run.path)}")
    if history.best is not None and not sweep.task.has_adapters:
        answer(f"next:    autopeft export {short(run.path)} best")
    if run.best.is_dir():
        answer(f"adapter: {short(run.best)}")
        answer(f"next:    autopeft export {short(run.path)} my-adapter")
