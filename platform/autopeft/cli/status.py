"""``autopeft status``: how a sweep stands."""

from autopeft.cli.output import answer, answer_json, answer_table
from autopeft.cli.words import Json, Run

EXAMPLE = "autopeft status runs/tiny-clap-20260110-120000"


def status(run: Run, json: Json = False) -> None:
    """Print how a sweep stands: every trial, the best so far, what is left to do."""
    from autopeft.cli.live_table import headline
    from autopeft.reports.result import result
    from autopeft.reports.table import summary_table, trials_table
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    history, sweep = folder.history(), folder.sweep()
    if json:
        trials = folder.dataframe().to_dict("records")
        answer_json({**result(history, sweep), "trials": trials})
        return
    answer_table(trials_table(history))
    if history.is_over:
        answer("")
        answer_table(summary_table(history))
    answer("")
    answer(headline(history, sweep))
