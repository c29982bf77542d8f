"""``autopeft report``: write the page again, and open it."""

from typing import Annotated

import typer

from autopeft.cli.output import answer, answer_json, short
from autopeft.cli.words import Json, Run

EXAMPLE = "autopeft report runs/tiny-clap-20260110-120000 --open"


def report(
    run: Run,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json: Json = False,
) -> None:
    """Write the report page of a sweep, finished or not, and print where it is.

    With --json, print the numbers behind it instead.
    """
    from autopeft.reports.page import write_report
    from autopeft.reports.result import result
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    if json:
        answer_json(result(folder.history(), folder.sweep()))
        return
    write_report(folder)
    answer(short(folder.report))
    if open_page:
        typer.launch(folder.report.as_uri())
