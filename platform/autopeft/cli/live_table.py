"""A running sweep as it is shown: pure, from what happened so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autopeft.core.units import duration
from autopeft.reports.standing import number, objective, settings
from autopeft.spec.sweep import Sweep
from autopeft.sweep.extras import baseline_runs
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.history import History
from autopeft.tracking.trial_history import TrialHistory

if TYPE_CHECKING:
    from rich.console import RenderableType

BARS = "▁▂▃▄▅▆▇█"
CURVE = 16  # characters of a learning curve
BEST = 3


def sparkline(values: Sequence[float], *, width: int = CURVE) -> str:
    """Return values as a little curve; of more than ``width``, evenly spaced ones, the last too.

    Example:
        >>> sparkline([0, 1, 2, 3, 4, 5, 6, 7]), sparkline([2, 2]), sparkline([1, 2, 3, 4], width=2)
        ('▁▂▃▄▅▆▇█', '▄▄', '▁█')
    """
    known = [value for value in values if value == value and abs(value) != float("inf")]
    if len(known) > width:
        known = [known[round(i * (len(known) - 1) / (width - 1))] for i in range(width)]
    if not known:
        return ""
    largest = max(abs(value) for value in known) or 1.0  # a span of two of them must not overflow
    known = [value / largest for value in known]
    low, span = min(known), max(known) - min(known)
    if span == 0:
        return BARS[3] * len(known)
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in known)


def seconds_left(history: History, sweep: Sweep) -> float | None:
    """Estimate the time to the end; ``None`` before the first trial has ended.

    What is left to run costs what its like cost so far, and as much runs at a time as did.
    """
    search = sweep.settings.search
    ended = [trial for trial in history.trials.values() if trial.seconds is not None]
    spent = sum(trial.seconds or 0.0 for trial in ended)
    whole = [trial for trial in ended if trial.status is Status.FINISHED]
    if not spent or history.active_seconds <= 0:
        return None
    like = {kind: _mean_seconds([t for t in ended if t.kind is kind]) for kind in Kind}
    usual = _mean_seconds(whole) or _mean_seconds(ended) or 0.0
    planned = {
        Kind.TRIAL: search.trials - history.counted,
        Kind.BASELINE: len(baseline_runs(sweep)) - _ended(history, Kind.BASELINE),
        Kind.RETRAIN: search.retrain * search.retrain_seeds - _ended(history, Kind.RETRAIN),
    }
    ahead = 0.0
    for kind, count in planned.items():
        each = like[kind] or usual
        running = [trial for trial in history.running if trial.kind is kind]
        ahead += max(count - len(running), 0) * each
        ahead += sum(max(each - (history.last_time - trial.asked), 0.0) for trial in running)
    return ahead * history.active_seconds / spent


def headline(history: History, sweep: Sweep) -> str:
    """Return in one line how a sweep stands."""
    metric, _ = objective(history)
    search = history.search
    parts = [f"{sweep.name}: {history.counted}/{search.trials} trials"]
    statuses = [trial.status for trial in history.of_kind(Kind.TRIAL)]
    for status, words in (
        (Status.PAUSED, "paused"),
        (Status.STOPPED, "stopped early"),
        (Status.FAILED, "failed"),
        (Status.REFUSED, "refused"),
        (Status.DUPLICATE, "duplicate"),
    ):
        if statuses.count(status):
            parts.append(f"{statuses.count(status)} {words}")
    for kind, word, count in (
        (Kind.BASELINE, "baselines", len(baseline_runs(sweep))),
        (Kind.RETRAIN, "retrainings", search.retrain * search.retrain_seeds),
    ):
        if history.of_kind(kind):
            parts.append(f"{_ended(history, kind)}/{count} {word}")
    if history.best is not None:
        best = history.best
        parts.append(f"best {metric} {number(best.metrics.get(metric))} ({best.id})")
    parts.append(_time(history, sweep))
    return " · ".join(parts)


def live_table(history: History, sweep: Sweep, *, rows: int = 20) -> RenderableType:
    """Return the live view: one line on the whole, what runs, and the best so far."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    metric, _ = objective(history)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("running", no_wrap=True)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column(metric, justify="right", no_wrap=True)
    table.add_column("curve", no_wrap=True, min_width=CURVE)
    table.add_column("configuration", no_wrap=True, overflow="ellipsis", ratio=1)
    running = history.running
    steps = _steps(sweep)
    for trial in running[:rows]:
        table.add_row(*_running(trial, metric, steps))
    if len(running) > rows:
        table.add_row(f"… and {len(running) - rows} more")
    best = history.ranked()[:BEST]
    if best:
        table.add_section()
        table.add_row(Text("best so far", style="dim"))
    for trial in best:
        table.add_row(*_running(trial, metric, steps), style="green")
    above = [Text(headline(history, sweep), style="bold")]
    if history.remark:
        above.append(Text(history.remark, style="yellow"))
    return Group(*above, table)


def ended_line(trial: TrialHistory, history: History) -> str:
    """Return one line on a trial that ended, for logs and pipes."""
    metric, _ = objective(history)
    score = f"  {metric} {number(trial.metrics.get(metric))}" if trial.reports else ""
    why = f"  ({trial.reason})" if trial.reason and trial.status is not Status.STOPPED else ""
    at = f" at step {trial.step}" if trial.status is Status.STOPPED else ""
    return f"{trial.id} {trial.status.value}{at}{score}{why}  {_configuration(trial)}"


def _running(trial: TrialHistory, metric: str, steps: int) -> tuple[str, ...]:
    values = [point.metrics[metric] for point in trial.reports if metric in point.metrics]
    return (
        trial.id,
        f"{trial.step}/{steps}" if trial.reports else ("built" if trial.built else "starting"),
        number(values[-1]) if values else "",
        sparkline(values),
        _configuration(trial),
    )


def _configuration(trial: TrialHistory) -> str:
    if trial.kind is Kind.BASELINE:
        return f"baseline {trial.name}"
    if trial.kind is Kind.RETRAIN:
        return trial.name
    return settings(trial.values)


def _time(history: History, sweep: Sweep) -> str:
    used = duration(history.active_seconds)
    if history.ended is not None:
        return f"{used}, {history.ended.reason}"
    left = seconds_left(history, sweep)
    return used if left is None or left < 1 else f"{used}, about {duration(left)} left"


def _steps(sweep: Sweep) -> int:
    return sweep.steps


def _ended(history: History, kind: Kind) -> int:
    return sum(trial.ended is not None for trial in history.of_kind(kind))


def _mean_seconds(trials: Sequence[TrialHistory]) -> float | None:
    seconds = [trial.seconds for trial in trials if trial.seconds is not None]
    return sum(seconds) / len(seconds) if seconds else None
