"""The outcome of a sweep as plain data: what ``result.json`` holds."""

import math
from typing import Any

from autopeft.reports.standing import Standing, objective, standings
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.history import History
from autopeft.tracking.trial_history import TrialHistory


def result(history: History, sweep: Sweep) -> dict[str, Any]:
    """Return what a sweep found, ready for JSON; works at any time, also before the first trial."""
    ranking = standings(history)
    retrained = [standing for standing in ranking if standing.trial is not None]
    winners = [standing for standing in retrained if standing.name == "winner"]
    metric, direction = objective(history)
    started = history.started
    return {
        "name": sweep.name,
        "sweep": started.sweep if started else None,
        "finished": history.is_over,
        "reason": history.ended.reason if history.ended else None,
        "objective": {"name": metric, "direction": direction},
        "objectives": dict(history.search.objectives),
        "counts": counts(history),
        "failures": history.failures(),
        "winner": _configuration(winners[0], metric) if winners else None,
        "rivals": [_configuration(s, metric) for s in retrained if s.name != "winner"],
        "baselines": {s.name: _configuration(s, metric) for s in ranking if s.trial is None},
        "best_on_validation": _trial(history.best),
        "active_seconds": round(history.active_seconds, 3),
        "seed": started.seed if started else sweep.settings.seed,
        "git_commit": started.git_commit if started else None,
        "versions": dict(started.versions) if started else {},
    }


def counts(history: History) -> dict[str, int]:
    """Return how many search trials there are of each status, and how many were wanted."""
    statuses = [trial.status for trial in history.of_kind(Kind.TRIAL)]
    return {
        "wanted": history.search.trials,
        "asked": len(statuses),
        "counted": history.counted,
        **{status.value: statuses.count(status) for status in Status},
    }


def _configuration(standing: Standing, metric: str) -> dict[str, Any]:
    scores = {
        name: {"mean": score.mean, "spread": score.spread, "values": list(score.values)}
        for name, score in standing.scores.items()
    }
    return {
        "trial": standing.trial,
        "values": dict(standing.values),
        "seeds": standing.seeds,
        "trainable_parameters": standing.trainable_parameters,
        "validation": scores.get(metric),
        "test": scores.get(f"test_{metric}"),
        "metrics": scores,
    }


def _trial(trial: TrialHistory | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    metrics = {name: value for name, value in trial.metrics.items() if math.isfinite(value)}
    return {
        "trial": trial.id,
        "values": dict(trial.values),
        "metrics": metrics,
        "trainable_parameters": trial.trainable_parameters,
    }
