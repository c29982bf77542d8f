"""The same facts for terminals: rich tables of trials and of how configurations stand."""

from rich.table import Table
from rich.text import Text

from autopeft.core.units import count, duration
from autopeft.reports.comparison import label
from autopeft.reports.standing import fate, number, objective, settings, standings
from autopeft.tracking.events import Status
from autopeft.tracking.history import History, TrialHistory

COLORS = {
    Status.FINISHED: "green",
    Status.FAILED: "red",
    Status.RUNNING: "cyan",
    Status.PAUSED: "yellow",
}


def trials_table(history: History, *, last: int | None = None) -> Table:
    """Return all trials in the order they were proposed; the best is marked by a star.

    Args:
        history: The sweep so far.
        last: Show only so many, the newest.
    """
    metric, _ = objective(history)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("trial", "status"):
        table.add_column(heading, no_wrap=True)
    for heading in (metric, "step", "parameters", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("configuration", overflow="fold")
    best = history.best
    for trial in list(history.trials.values())[-(last or len(history.trials)) :]:
        table.add_row(*_cells(trial, metric, is_best=trial is best))
    return table


def summary_table(history: History) -> Table:
    """Return winner, rivals and baselines with means and spreads over their seeds."""
    metric, _ = objective(history)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("configuration", no_wrap=True)
    for heading in (f"test {metric}", f"validation {metric}", "parameters", "seeds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for standing in standings(history):
        size = standing.trainable_parameters
        table.add_row(
            Text(label(standing)),
            str(standing.score(f"test_{metric}") or "–"),
            str(standing.score(metric) or "–"),
            "–" if size is None else count(size),
            str(standing.seeds),
            style="bold" if standing.name == "winner" else None,
        )
    return table


def _cells(trial: TrialHistory, metric: str, *, is_best: bool) -> tuple[str | Text, ...]:
    """Return a row; what a user wrote is ``Text``, in which brackets are no markup."""
    size = trial.trainable_parameters
    words = settings(trial.values) if trial.values else trial.name
    if trial.exploits or (trial.reason and trial.status in (Status.FAILED, Status.REFUSED)):
        words = f"{words} – {fate(trial)}"
    return (
        f"{trial.id}{' *' if is_best else ''}",
        Text(trial.status.value, style=COLORS.get(trial.status, "dim")),
        number(trial.metrics.get(metric)),
        str(trial.step),
        "–" if size is None else count(size),
        "–" if trial.seconds is None else duration(trial.seconds),
        Text(words),
    )
