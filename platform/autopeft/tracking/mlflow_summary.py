"""What the parent run says of its sweep: the spec in short, counts, the best, the winner. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from autopeft.spec.resolved import resolved
from autopeft.spec.space import Dimension
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.history import Group, History


def spec_params(sweep: Sweep) -> dict[str, str]:
    """Return the resolved spec as short params: settings, fixed sections, and what is searched."""
    fixed = {
        name: tree
        for name, tree in resolved(sweep).items()
        if name in ("task", "model", "training")
    }
    if sweep.template.branches:
        fixed["methods"] = ", ".join(sweep.template.branch_names)
    searched = {f"space.{d.name}": describe(d) for d in sweep.space.dimensions}
    settings = sweep.settings.model_dump(mode="json", exclude={"name", "tracking"})
    return {**dict(flat(settings)), **dict(flat(fixed)), **searched}


def flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield every leaf under its dotted path; what is empty is left out.

    Example:
        >>> dict(flat({"search": {"trials": 24, "hours": None}, "names": ["a"]}))
        {'search.trials': '24', 'names': '["a"]'}
    """
    for key, value in tree.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}.")
        elif value is not None:
            yield path, value if isinstance(value, str) else json.dumps(value, default=str)


def describe(dimension: Dimension) -> str:
    """Return a dimension in words.

    Example:
        >>> describe(Dimension("rate", "float", 1e-4, 1e-2, log=True))
        '0.0001 … 0.01, log'
        >>> describe(Dimension("rank", "choice", choices=(1, 2)))
        'one of 1, 2'
    """
    if dimension.kind == "choice":
        return "one of " + ", ".join(map(str, dimension.choices))
    scale = ", log" if dimension.log else ""
    step = "" if dimension.step is None else f", step {dimension.step:g}"
    return f"{dimension.low:g} … {dimension.high:g}{scale}{step}"


def summary_tags(history: History) -> dict[str, str]:
    """Return how far the sweep is and what is best so far, as tags of the parent."""
    statuses = [trial.status for trial in history.of_kind(Kind.TRIAL)]
    tags = {f"trials.{status.value}": str(statuses.count(status)) for status in Status}
    tags["trials.counted"] = str(history.counted)
    if history.best is not None:
        tags["best_trial"] = history.best.id
    if history.winner is not None and history.winner.of is not None:
        tags["winner_trial"] = history.winner.of
    return tags


def test_metrics(history: History) -> dict[str, float]:
    """Return the winner's and the baselines' test scores: mean and spread over the seeds."""
    metrics: dict[str, float] = {}
    if history.winner is not None:
        metrics |= dict(_over_seeds(history.winner, "winner"))
    for group in history.groups(Kind.BASELINE):
        metrics |= dict(_over_seeds(group, f"baseline/{group.name}"))
    return metrics


def _over_seeds(group: Group, prefix: str) -> Iterator[tuple[str, float]]:
    names = sorted({name for run in group.runs for name in run.metrics if name.startswith("test_")})
    for name in names:
        mean, spread = group.mean(name), group.spread(name)
        if mean is not None:
            yield f"{prefix}/{name}_mean", mean
        if spread is not None:
            yield f"{prefix}/{name}_std", spread
