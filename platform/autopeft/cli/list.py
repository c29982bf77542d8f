"""``autopeft list``: all runs, and how they stand."""

from pathlib import Path
from typing import Any

from autopeft.cli.output import answer_json, answer_table, say
from autopeft.cli.words import Json, Runs

EXAMPLE = "autopeft list"


def list(runs: Runs = Path("runs"), json: Json = False) -> None:
    """Print all runs and how they stand; each scheduler is asked once for all of its jobs."""
    from autopeft.cli.runs_table import run_in_words, runs_table
    from autopeft.clusters.overview import overviews, runs_in

    found = overviews(runs_in(runs))
    if json:
        rows: Any = [run_in_words(known) for known in found]
        answer_json(rows)
    elif found:
        answer_table(runs_table(found))
    else:
        say(f"no runs in {runs}; begin one with: autopeft run search.yaml")
