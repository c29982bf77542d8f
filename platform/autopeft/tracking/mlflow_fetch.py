"""A past sweep read back from MLflow: a run folder with its search file and its trials.

Made for learning from sweeps whose run folders are gone, or lie on another machine. Of every trial
it holds configuration, status and last metrics, not each report, and no checkpoints or logs.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autopeft.core.errors import TrackingError
from autopeft.spec.space import Dimension, Space
from autopeft.spec.sweep import Sweep
from autopeft.tracking.events import (
    AnyEvent,
    Asked,
    Ended,
    Kind,
    Planned,
    Reported,
    Status,
    SweepEnded,
    SweepStarted,
)
from autopeft.tracking.journal import Journal
from autopeft.tracking.mlflow_client import answering, open_client
from autopeft.tracking.mlflow_target import Target, check_alive, target_at
from autopeft.tracking.mlflow_words import metric_key
from autopeft.tracking.run_folder import RunFolder

MOST_RUNS = 5000


def fetch(sweep: str, uri: str, folder: Path, *, root: Path) -> RunFolder:
    """Return the run folder ``folder/NAME`` of a sweep that MLflow holds; made once.

    Args:
        sweep: The tag ``autopeft.sweep`` of its runs, which is its run folder's name.
        uri: Where MLflow keeps it.
        folder: Where run folders of fetched sweeps go.
        root: What a relative sqlite path counts from.

    Raises:
        TrackingError: MLflow does not answer, has no such sweep, or lacks its search file.
    """
    run = RunFolder(folder / sweep)
    if run.journal.exists():
        return run
    target = target_at(uri, root)
    check_alive(target)
    with answering(target):
        client = open_client(target)
        parent, children = _runs(client, target, sweep)
        with tempfile.TemporaryDirectory(prefix=".fetched-", dir=_made(folder)) as fresh:
            half = RunFolder(Path(fresh) / sweep)
            half.path.mkdir(mode=0o700)
            _spec(client, target, parent, half)
            journal = Journal(half.journal)
            for event in _events(half.sweep(), parent, children):
                journal.write(event)
            journal.close()
            half.path.replace(run.path)
    return run


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _runs(client: Any, target: Target, sweep: str) -> tuple[Any, list[Any]]:
    """Return the parent's run and those of its trials, in the order they were proposed."""
    experiments = [e.experiment_id for e in client.search_experiments()]
    quoted = sweep.replace("'", "")
    found = client.search_runs(
        experiments, f"tags.`autopeft.sweep` = '{quoted}'", max_results=MOST_RUNS,
        order_by=["attributes.start_time ASC"],
    )  # fmt: skip
    parents = [run for run in found if "autopeft.trial" not in run.data.tags]
    if not parents:
        raise TrackingError(
            f"MLflow at {target.shown} has no sweep {sweep!r}; write the tag autopeft.sweep of its "
            "parent run"
        )
    children = [run for run in found if "autopeft.trial" in run.data.tags]
    return parents[0], sorted(children, key=lambda run: str(run.data.tags["autopeft.trial"]))


def _spec(client: Any, target: Target, parent: Any, run: RunFolder) -> None:
    """Fetch the sweep's search file.

    Raises:
        TrackingError: It was not uploaded.
    """
    name = run.spec_file.name
    if name not in {found.path for found in client.list_artifacts(parent.info.run_id)}:
        raise TrackingError(
            f"MLflow at {target.shown} lacks the search file of {run.path.name}, which has not "
            "reached its end; `autopeft sync` uploads it"
        )
    got = client.download_artifacts(parent.info.run_id, name, str(run.path))
    if Path(got) != run.spec_file:
        shutil.move(got, run.spec_file)


def _events(sweep: Sweep, parent: Any, children: list[Any]) -> Iterator[AnyEvent]:
    start, end = parent.info.start_time / 1000, (parent.info.end_time or 0) / 1000
    tags = parent.data.tags
    versions = {
        key.removeprefix("version."): value
        for key, value in tags.items()
        if key.startswith("version.")
    }
    yield SweepStarted(
        time=start, sweep=tags["autopeft.sweep"], name=sweep.name, seed=sweep.settings.seed,
        versions=versions, host=tags.get("host", ""),
    )  # fmt: skip
    number = 0
    for child in children:
        trial, kind = child.data.tags["autopeft.trial"], Kind(child.data.tags["kind"])
        time = child.info.start_time / 1000
        values = values_of(sweep.space, child.data.params)
        if kind is Kind.TRIAL:
            cube = sweep.space.encode(values)
            yield Asked(time=time, trial=trial, number=number, cube=cube, values=values)
            number += 1
        else:
            name = child.data.tags.get("baseline") or child.info.run_name.partition(" ")[2] or trial
            seed, of = int(child.data.tags["seed"]), child.data.tags.get("of")
            yield Planned(
                time=time, trial=trial, kind=kind, name=name, seed=seed, of=of, values=values
            )
        yield from _course(sweep, trial, child)
    if end and tags.get("status") == "finished":
        yield SweepEnded(time=end, reason=tags.get("reason", ""))


def _course(sweep: Sweep, trial: str, child: Any) -> Iterator[AnyEvent]:
    """Yield a trial's last report and its end, as far as there were any."""
    status = Status(child.data.tags["status"]) if child.info.end_time else Status.RUNNING
    end = (child.info.end_time or child.info.start_time) / 1000
    names = {metric_key(name): name for name in sweep.settings.search.objectives}
    metrics = {names.get(key, key): value for key, value in child.data.metrics.items()}
    if any(name in metrics for name in names.values()):
        whole = status is Status.FINISHED
        step = sweep.steps if whole else 1
        yield Reported(time=end, trial=trial, step=step, metrics=metrics, final=whole)
    if child.info.end_time:
        reason = child.data.tags.get("reason", "")
        yield Ended(time=end, trial=trial, status=status, reason=reason)


def values_of(space: Space, params: Mapping[str, str]) -> dict[str, Any]:
    """Return a configuration as it was searched, from params, which are text.

    Example:
        >>> space = Space((Dimension("size", "int", 1, 4), Dimension("kind", "choice",
        ...     choices=(1, None, "a"), ordered=False)))
        >>> values_of(space, {"size": "3", "kind": "None", "seed": "7"})
        {'size': 3, 'kind': None}
    """
    found = {}
    for dimension in space.dimensions:
        said = params.get(metric_key(dimension.name))
        if said is not None:
            found[dimension.name] = _value(dimension, said)
    return found


def _value(dimension: Dimension, said: str) -> Any:
    if dimension.kind == "choice":
        return next((choice for choice in dimension.choices if str(choice) == said), said)
    return int(said) if dimension.kind == "int" else float(said)
