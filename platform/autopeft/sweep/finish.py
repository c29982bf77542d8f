"""The end of a sweep: the winner's adapter, the result for programs, the page for people."""

import shutil

from autopeft.core.places import private_folder, write_json, writing
from autopeft.reports.page import write_report
from autopeft.reports.result import result
from autopeft.spec.sweep import Sweep
from autopeft.tracking.history import Group, History
from autopeft.tracking.run_folder import RunFolder


def finish(run: RunFolder, sweep: Sweep, history: History) -> None:
    """Write ``best/``, ``result.json`` and ``report.html``; doing it again changes nothing.

    Raises:
        RunFolderError: The disk is full, or no longer there.
    """
    with writing(run.path):
        if history.winner is not None:
            _keep_winner(run, history, history.winner)
        write_json(run.result, result(history, sweep))
    write_report(run)
    shutil.rmtree(run.path / "ray", ignore_errors=True)


def _keep_winner(run: RunFolder, history: History, winner: Group) -> None:
    """Copy the adapter of the winner's best run on validation; drop the others."""
    best = min(winner.runs, key=lambda trial: (history.loss(trial.metrics), trial.number))
    adapter = run.trial(best.id) / "adapter"
    if adapter.is_dir():
        temporary = run.path / ".best"
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(adapter, temporary)
        private_folder(temporary)  # the copy has the adapter's mode
        shutil.rmtree(run.best, ignore_errors=True)
        temporary.replace(run.best)
