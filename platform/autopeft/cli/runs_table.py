"""Runs and their jobs in words: for ``list`` and ``status``, as a table, a line, or JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autopeft.cli.output import short
from autopeft.clusters.base import JobState
from autopeft.clusters.overview import STOPPED, UNREADABLE, Overview
from autopeft.clusters.rendezvous import Rendezvous
from autopeft.clusters.standing import Standing
from autopeft.clusters.telling import in_words
from autopeft.reports.standing import number, objective

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {
    JobState.RUNNING: "bold",
    JobState.DONE: "green",
    JobState.FAILED: "red",
    JobState.LOST: "red",
    STOPPED: "yellow",
    UNREADABLE: "red",
}


def run_in_words(known: Overview) -> dict[str, Any]:
    """Return a run for programs."""
    history = known.history
    best = history.best if history else None
    return {
        "run": str(known.run.path),
        "state": str(known.state),
        "reason": known.reason,
        "cluster": known.sweep.settings.cluster if known.sweep else None,
        "job": known.standing.submission.id if known.standing else None,
        "requeues": known.standing.requeues if known.standing else 0,
        "trials": {
            "counted": history.counted if history else 0,
            "wanted": history.search.trials if history else None,
        },
        "best": dict(best.metrics) if best else None,
    }


def runs_table(found: Sequence[Overview]) -> "Table":
    """Return a row for each run."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("trials", justify="right", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("why", overflow="fold")
    for known in found:
        history = known.history
        table.add_row(
            short(known.run.path),
            Text(str(known.state), style=STYLES.get(known.state, "")),
            f"{history.counted}/{history.search.trials}" if history else "",
            _best(known),
            _where(known),
            known.reason,
        )
    return table


def job_lines(standing: Standing, ray: Rendezvous | None, *, limit: int, run: str) -> list[str]:
    """Return how a job stands, in a few lines: state, hosts, requeues, dashboard."""
    submission = standing.submission
    lines = [f"job {submission.id} ({submission.kind}): {in_words(standing.seen)}"]
    if standing.trouble:
        lines.append(f"the scheduler does not answer: {standing.trouble}")
    if standing.requeues or limit:
        lines.append(f"started again {standing.requeues} of at most {limit} times")
    if ray is not None and not standing.is_over:
        hosts = ", ".join(
            f"{host.name}{'' if host.ready else ' (not ready)'}" for host in ray.hosts
        )
        lines.append(f"hosts: {hosts}")
        if ray.dashboard:
            lines.append(f"dashboard: {ray.dashboard} on {ray.head}: autopeft dashboard {run}")
    return lines


def job_in_words(standing: Standing, ray: Rendezvous | None, *, limit: int) -> dict[str, Any]:
    """Return the same for programs."""
    up = ray if ray is not None and not standing.is_over else None
    return {
        "id": standing.submission.id,
        "scheduler": standing.submission.kind,
        "state": standing.seen.state.value,
        "exit_code": standing.seen.exit_code,
        "reason": standing.seen.reason,
        "trouble": standing.trouble,
        "requeues": standing.requeues,
        "max_requeues": limit,
        "hosts": [{"name": host.name, "ready": host.ready} for host in up.hosts] if up else [],
        "dashboard": f"{up.dashboard} on {up.head}" if up and up.dashboard else None,
    }


def _best(known: Overview) -> str:
    if known.history is None or known.history.best is None:
        return ""
    metric, _ = objective(known.history)
    return f"{metric} {number(known.history.best.metrics.get(metric))}"


def _where(known: Overview) -> str:
    cluster = known.sweep.settings.cluster if known.sweep else ""
    return f"{cluster} {known.standing.submission.id}" if known.standing else cluster
