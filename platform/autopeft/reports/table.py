"""The same facts for terminals: rich tables of trials and of how configurations stand."""

from rich.table import Table
from rich.text import Text

from autopeft.core.units import count, duration
from autopeft.reports.comparison import label
from autopeft.reports.standing import fate, number, objective, settings, standings
from autopeft.spec.task_kind import TaskKind
from autopeft.tracking.events import Status
from autopeft.tracking.history import History
from autopeft.tracking.trial_history import TrialHistory

BEST = 5
COLORS = {
    Status.FINISHED: "green",
    Status.FAILED: "red",
    Status.RUNNING: "cyan",
    Status.PAUSED: "yellow",
}


def trials_table(history: History, task: TaskKind, *, last: int | None = None) -> Table:
    """Return all trials in the order they were proposed; the best is marked by a star.

    Args:
        history: The sweep so far.
        task: Its flags say which columns make sense.
        last: Show only so many, the newest.
    """
    metric, _ = objective(history)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("trial", "status"):
        table.add_column(heading, no_wrap=True)
    for heading in (metric, "step", *(["parameters"] if task.has_adapters else []), "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("configuration", overflow="fold")
    best = history.best
    for trial in list(history.trials.values())[-(last or len(history.trials)) :]:
        table.add_row(*_cells(trial, metric, task, is_best=trial is best))
    return table


def summary_table(history: History, task: TaskKind) -> Table:
    """Return winner, rivals and baselines with means and spreads over their seeds.

    Where nothing was run with several seeds, the best trials.
    """
    metric, _ = objective(history)
    table = Table(box=None, pad_edge=False, header_style="bold")
    ranking = standings(history)
    if not ranking:
        return _best_trials(table, history)
    table.add_column("configuration", no_wrap=True)
    columns = {f"test {metric}": f"test_{metric}"} if task.has_test else {}
    columns |= {f"validation {metric}" if task.has_test else metric: metric}
    for heading in (*columns, *(["parameters"] if task.has_adapters else []), "seeds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for standing in ranking:
        size = standing.trainable_parameters
        table.add_row(
            Text(label(standing)),
            *(str(standing.score(name) or "–") for name in columns.values()),
            *(["–" if size is None else count(size)] if task.has_adapters else []),
            str(standing.seeds),
            style="bold" if standing.name == "winner" else None,
        )
    return table


def _best_trials(table: Table, history: History) -> Table:
    """Fill in the best trials, every objective of each."""
    names = list(history.search.objectives)
    for heading in ("best", *names):
        table.add_column(heading, justify="left" if heading == "best" else "right", no_wrap=True)
    table.add_column("configuration", overflow="fold")
    for place, trial in enumerate(history.ranked()[:BEST]):
        scores = (number(trial.metrics.get(name)) for name in names)
        style = None if place else "bold"
        table.add_row(trial.id, *scores, Text(settings(trial.values)), style=style)
    return table


def _cells(
    trial: TrialHistory, metric: str, task: TaskKind, *, is_best: bool
) -> tuple[str | Text, ...]:
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
        *(["–" if size is None else count(size)] if task.has_adapters else []),
        "–" if trial.seconds is None else duration(trial.seconds),
        Text(words),
    )
