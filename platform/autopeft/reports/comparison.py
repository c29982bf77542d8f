"""Figures of our own: winner against baselines, and what accuracy costs."""

from collections.abc import Callable, Sequence
from typing import Any

from autopeft.reports.standing import Standing, number, objective, settings, train_seconds
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.history import History
from autopeft.tracking.trial_history import TrialHistory

Figure = Any  # plotly is untyped
WINNER, OTHER, FRONT = "#e4572e", "#4c78a8", "#2a9d5c"


def against_baselines(ranking: Sequence[Standing], metric: str) -> Figure | None:
    """Mean and spread over the seeds, one row per configuration, each seed a small dot."""
    import plotly.graph_objects as go

    scored = [(s, score) for s in ranking if (score := s.score(metric)) is not None]
    if not scored:
        return None
    scored.sort(key=lambda pair: pair[1].mean)
    names = [label(standing) for standing, _ in scored]
    colors = [WINNER if standing.name == "winner" else OTHER for standing, _ in scored]
    means = go.Scatter(
        x=[score.mean for _, score in scored],
        y=names,
        error_x={"array": [score.spread or 0 for _, score in scored], "color": "#888"},
        mode="markers",
        marker={"size": 13, "color": colors},
        text=[f"{score} ({standing.seeds} seeds)" for standing, score in scored],
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    seeds = go.Scatter(
        x=[value for _, score in scored for value in score.values],
        y=[name for name, (_, score) in zip(names, scored, strict=True) for _ in score.values],
        mode="markers",
        marker={"size": 6, "color": "#888", "symbol": "line-ns-open"},
        hoverinfo="skip",
    )
    figure = go.Figure([seeds, means])
    figure.update_layout(showlegend=False, height=120 + 38 * len(scored))
    return figure.update_xaxes(title=metric.replace("_", " ")).update_yaxes(type="category")


def label(standing: Standing) -> str:
    """Return what a configuration is called in figures and tables."""
    return f"winner ({standing.trial})" if standing.name == "winner" else standing.name


def against_size(history: History) -> Figure | None:
    """Objective against trainable parameters, on a logarithmic axis."""
    return _against(history, "trainable parameters", lambda trial: trial.trainable_parameters)


def against_time(history: History) -> Figure | None:
    """Objective against the time a trial trained."""
    return _against(history, "seconds of training", train_seconds)


def pareto_front(
    points: Sequence[tuple[float, float]], *, maximise: bool
) -> list[tuple[float, float]]:
    """Return the points (cost, score) that no other beats in both, cheapest first.

    Example:
        >>> pareto_front([(1, 0.5), (2, 0.4), (3, 0.9)], maximise=True)
        [(1, 0.5), (3, 0.9)]
    """
    sign = 1 if maximise else -1
    front: list[tuple[float, float]] = []
    for cost, score in sorted(points, key=lambda p: (p[0], -sign * p[1])):
        if not front or sign * score > sign * front[-1][1]:
            front.append((cost, score))
    return front


def _against(
    history: History, title: str, cost: Callable[[TrialHistory], float | None]
) -> Figure | None:
    import plotly.graph_objects as go

    metric, direction = objective(history)
    done = [
        (trial, spent, trial.metrics[metric])
        for trial in history.of_kind(Kind.TRIAL)
        if trial.status is Status.FINISHED
        and (spent := cost(trial)) is not None
        and history.loss(trial.metrics) < float("inf")
    ]
    if len({spent for _, spent, _ in done}) < 2:
        return None
    front = pareto_front([(x, y) for _, x, y in done], maximise=direction == "max")
    dots = go.Scatter(
        x=[spent for _, spent, _ in done],
        y=[score for _, _, score in done],
        mode="markers",
        marker={"size": 9, "color": OTHER, "opacity": 0.8},
        text=[f"{t.id}: {settings(t.values)}<br>{metric} {number(y)}" for t, _, y in done],
        hovertemplate="%{text}<extra></extra>",
        name="trials",
    )
    edge = go.Scatter(
        x=[x for x, _ in front],
        y=[y for _, y in front],
        mode="lines+markers",
        line={"color": FRONT, "shape": "hv", "dash": "dot"},
        marker={"size": 11, "color": FRONT},
        hoverinfo="skip",
        name="nothing cheaper is better",
    )
    figure = go.Figure([edge, dots])
    figure.update_layout(legend={"orientation": "h", "y": 1.12})
    if title.startswith("trainable"):
        figure.update_xaxes(type="log", dtick="D2", tickformat="~s")
    return figure.update_xaxes(title=title).update_yaxes(title=metric)
