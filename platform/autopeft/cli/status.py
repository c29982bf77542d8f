"""``autopeft status``: how a sweep stands."""

from autopeft.cli.output import answer, answer_json, answer_table, short
from autopeft.cli.words import Json, Run

EXAMPLE = "autopeft status runs/tiny-clap-20260110-120000"


def status(run: Run, json: Json = False) -> None:
    """Print how a sweep stands: every trial, the best so far, what is left to do.

    On a cluster also its job: waiting, and for what, or running, on which hosts.
    """
    from autopeft.cli.live_table import headline
    from autopeft.cli.runs_table import job_in_words, job_lines
    from autopeft.clusters.overview import STOPPED, overviews
    from autopeft.clusters.rendezvous import find_rendezvous
    from autopeft.clusters.sweep_job import job_of
    from autopeft.reports.result import result
    from autopeft.reports.table import summary_table, trials_table
    from autopeft.tracking.run_folder import open_run

    folder = open_run(run)
    (known,) = overviews([folder])
    # Of a run that cannot be read these say why.
    sweep, history = known.sweep or folder.sweep(), known.history or folder.history()
    standing, ray = known.standing, find_rendezvous(folder.path)
    limit = job_of(sweep, folder.path).max_requeues if standing else 0
    if json:
        trials = folder.dataframe().to_dict("records")
        words = job_in_words(standing, ray, limit=limit) if standing else None
        state = {"state": str(known.state), "trials": trials, "job": words}
        answer_json({**result(history, sweep), **state})
        return
    answer_table(trials_table(history, sweep.task))
    if history.is_over:
        answer("")
        answer_table(summary_table(history, sweep.task))
    answer("")
    answer(headline(history, sweep))
    if standing:
        for line in job_lines(standing, ray, limit=limit, run=short(folder.path)):
            answer(line)
    if history.failure:
        answer(f"stopped: {history.failure}")
    if history.remark:
        answer(history.remark)
    if known.state == STOPPED:
        answer(f"nobody is at it; go on with: autopeft resume {short(folder.path)}")
