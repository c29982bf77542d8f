"""A sweep in words: what is searched, what is constant, what the budget is. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autopeft.core.errors import Problem
from autopeft.spec.space import Dimension
from autopeft.spec.sweep import Sweep
from autopeft.sweep.extras import baseline_runs

NAME_WIDTH = 36
LONGEST_SHOWN = 160
PARAMETER = "task.parameters."  # before a constant, not before a dimension


def explain(sweep: Sweep, *, remarks: Sequence[Problem] = ()) -> dict[str, Any]:
    """Return the explanation as plain data; ``explanation_text`` puts it in lines."""
    settings = sweep.settings
    return {
        "name": sweep.name,
        "seed": settings.seed,
        "dimensions": [_dimension(sweep, dimension) for dimension in sweep.space.dimensions],
        "constants": _constants(sweep),
        "budget": {
            **settings.search.model_dump(mode="json"),
            "steps": sweep.steps,
            "measured": sweep.task.place,
            "has_test": sweep.task.has_test,
            "is_seeded": sweep.task.is_seeded,
            "baseline_runs": [run.name for run in baseline_runs(sweep)],
            "resources": settings.resources.model_dump(mode="json"),
        },
        "remarks": [str(remark) for remark in remarks],
        "tracking": settings.tracking.model_dump(mode="json"),
    }


def explanation_text(explanation: Mapping[str, Any]) -> str:
    """Return an explanation as lines."""
    return "\n".join(_lines(explanation))


def dimension_text(dimension: Mapping[str, Any]) -> str:
    """Return a dimension's values in words.

    Example:
        >>> dimension_text({"kind": "choice", "choices": [1, 2, 4], "ordered": True})
        'one of 1, 2, 4'
        >>> dimension_text({"kind": "int", "low": 1, "high": 9, "log": False, "step": 2})
        '1 … 9, whole numbers, in steps of 2'
    """
    if dimension["kind"] == "choice":
        choices = ", ".join(_value(choice) for choice in dimension["choices"])
        return f"one of {choices}"
    text = f"{dimension['low']:g} … {dimension['high']:g}"
    text += ", whole numbers" if dimension["kind"] == "int" else ""
    text += ", on a log scale" if dimension["log"] else ""
    return text + (f", in steps of {dimension['step']:g}" if dimension["step"] else "")


def _lines(explanation: Mapping[str, Any]) -> Iterator[str]:
    dimensions = explanation["dimensions"]
    yield f"{explanation['name']}: nothing is wrong with it"
    yield from (f"  but {remark}" for remark in explanation["remarks"])
    yield ""
    yield f"Searched ({len(dimensions)} dimensions)" if dimensions else "Nothing is searched"
    last = None
    for dimension in dimensions:
        when = dimension["when"]
        if when is not None and when != last:
            yield f"  if {when[0]} is {_value(when[1])}"
        last = when
        indent = "    " if when else "  "
        yield f"{indent}{dimension['name']:{NAME_WIDTH}} {dimension_text(dimension)}"
    yield ""
    yield "The same for every trial (* = default, not in the file)"
    for name, constant in explanation["constants"].items():
        mark = "*" if constant["default"] else " "
        yield f"{mark} {name:{NAME_WIDTH + 2}} {_value(constant['value'])}"
    yield ""
    yield "Budget"
    yield from (f"  {line}" for line in _budget(explanation["budget"]))


def _budget(budget: Mapping[str, Any]) -> Iterator[str]:
    of_steps = f" of at most {budget['steps']} steps" if budget["steps"] > 1 else ""
    yield f"{budget['trials']} trials{of_steps}"
    if budget["hours"] is not None:
        yield f"at most {budget['hours']:g} hours"
    if budget["trial_timeout"] is not None:
        yield f"at most {budget['trial_timeout']:g} seconds a trial"
    goals = [f"{name} ({direction})" for name, direction in budget["objectives"].items()]
    yield f"objective: {', '.join(goals)}{budget['measured'] and ',' + budget['measured']}"
    for metric, bound in budget["constraints"].items():
        sides = [f"{word} {value:g}" for word, value in bound.items() if value is not None]
        yield f"constraint: {metric} {', '.join(sides).replace('_', ' ')}"
    yield f"searcher: {_options(budget['searcher'])}"
    yield f"early stopping: {_options(budget['scheduler'])}"
    names = list(dict.fromkeys(budget["baseline_runs"]))
    runs = len(budget["baseline_runs"])
    yield f"baselines: {', '.join(names)} ({runs} runs)" if runs else "no baselines"
    yield _at_the_end(budget)
    resources = budget["resources"]
    gpus = f", {resources['gpus']:g} GPUs" if resources["gpus"] else ""
    yield f"each trial: {resources['cpus']} CPU{'s' if resources['cpus'] > 1 else ''}{gpus}"


def _at_the_end(budget: Mapping[str, Any]) -> str:
    again = "trained" if budget["has_test"] else "run"
    if budget["retrain"]:
        return (
            f"at the end: the best {budget['retrain']} {again} again with "
            f"{budget['retrain_seeds']} fresh seeds each"
            + (", then scored on test once" if budget["has_test"] else "")
        )
    if not budget["is_seeded"]:
        return "nothing is run again at the end: no seed is told, so the best trial is the result"
    without = "no winner and no test score" if budget["has_test"] else "no winner"
    return f"nothing is {again} again at the end, so there will be {without}"


def _options(record: Mapping[str, Any]) -> str:
    options = [
        f"{name} {_value(value)}"
        for name, value in record.items()
        if name != "kind" and value is not None
    ]
    return f"{record['kind']} ({', '.join(options)})" if options else str(record["kind"])


def _dimension(sweep: Sweep, dimension: Dimension) -> dict[str, Any]:
    when = None
    if dimension.when is not None:
        parent, level = dimension.when
        when = (parent, sweep.space[parent].choices[level])
    what: dict[str, Any] = {"name": dimension.name, "kind": dimension.kind, "when": when}
    if dimension.kind == "choice":
        return {**what, "choices": list(dimension.choices), "ordered": dimension.ordered}
    bounds = {"low": dimension.low, "high": dimension.high}
    return {**what, **bounds, "log": dimension.log, "step": dimension.step}


def _constants(sweep: Sweep) -> dict[str, dict[str, Any]]:
    """Return every field that is not searched, by the name it would have as a dimension."""
    constants: dict[str, dict[str, Any]] = {}
    searched = {dimension.name for dimension in sweep.space.dimensions}
    several = len(sweep.template.branches) > 1
    for branch, spec in zip(sweep.template.ways, _one_of_each(sweep), strict=True):
        prefix = f"method.{branch.name}" if branch and several else "method"
        written = {
            *_flat(sweep.template.trees | {"method": {}}, ""),
            *_flat(branch.tree if branch else {}, prefix),
        }
        dump = spec.model_dump(mode="json", exclude={"seed"})
        for name, value in {**_flat(dump.pop("method", {}), prefix), **_flat(dump, "")}.items():
            if name.removeprefix(PARAMETER) not in searched:
                constants[name] = {"value": value, "default": name not in written}
    order = ("task", "model", "method", "training")
    return dict(sorted(constants.items(), key=lambda item: order.index(item[0].split(".")[0])))


def _one_of_each(sweep: Sweep) -> Iterator[Any]:
    """Yield a trial of every branch."""
    count = len(sweep.template.ways)
    for level in range(count):
        cube = {dimension.name: 0.0 for dimension in sweep.space.dimensions}
        yield sweep.trial(sweep.space.decode({**cube, "method": (level + 0.5) / count}))


def _flat(tree: Any, prefix: str) -> dict[str, Any]:
    """Return the leaves of a tree by dotted path."""
    if isinstance(tree, Mapping):
        below = {f"{prefix}.{key}" if prefix else str(key): value for key, value in tree.items()}
    elif isinstance(tree, list | tuple) and any(isinstance(item, Mapping) for item in tree):
        below = {f"{prefix}[{index}]": value for index, value in enumerate(tree)}
    else:
        return {prefix: tree}
    leaves: dict[str, Any] = {}
    for name, value in below.items():
        leaves |= _flat(value, name)
    return leaves


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "–"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
