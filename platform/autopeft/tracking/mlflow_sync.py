"""What is done to MLflow in one go: a whole journal synced, and a finished sweep's files."""

import time
from contextlib import suppress
from dataclasses import dataclass

from autopeft.core.errors import TrackingError
from autopeft.tracking.history import History
from autopeft.tracking.journal import has_writer
from autopeft.tracking.mlflow_link import Link, Progress
from autopeft.tracking.mlflow_words import PARENT
from autopeft.tracking.run_folder import RunFolder

ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync found and did.

    Attributes:
        look: Where to look at it: an address, or the command that serves one.
        experiment: The experiment's name.
        trials: How many runs of trials the journal holds.
        written: How many of them were created or changed.
        metrics: How many metric rows were sent.
        refused: What the server would not take, one sentence each.
        model: Name and version of the registered winner.
        seconds: How long it took.
    """

    look: str
    experiment: str
    trials: int
    written: int
    metrics: int
    refused: tuple[str, ...]
    model: str | None
    seconds: float


def sync(run: RunFolder, *, progress: Progress | None = None) -> SyncReport:
    """Replay the whole journal into MLflow; what is there already is left as it is.

    Args:
        run: The run folder.
        progress: Called with how many runs are done and how many there are.

    Raises:
        TrackingError: The server does not answer (known within seconds).
        RunFolderError: The journal cannot be read.
    """
    start = time.monotonic()
    sweep = run.sweep()
    link = Link(run, sweep)
    link.follow(last=not has_writer(run.journal), progress=progress)
    if link.history.started is None:
        raise TrackingError(f"{run.path}: the journal is empty, there is nothing to sync")
    link.store.close_strays(link.history.trials)
    model = _publish(link, link.history)
    with suppress(OSError):  # a folder that may only be read
        run.unsynced.unlink(missing_ok=True)
    return SyncReport(
        look=link.store.target.how_to_look,
        experiment=sweep.settings.tracking.experiment or sweep.name,
        trials=len(link.history.trials),
        written=len(link.written - {PARENT}),
        metrics=link.metrics,
        refused=tuple(link.refused),
        model=model,
        seconds=time.monotonic() - start,
    )


def finish(run: RunFolder, history: History) -> str | None:
    """Upload report, spec and the winner's adapter; return the registered version, if any.

    Also writes whatever the server still lacks, so it is safe after a tracker that gave up.

    Raises:
        TrackingError: The server does not answer; ``sync`` does the same later.
    """
    link = Link(run, run.sweep())
    link.follow()
    return _publish(link, history)


def _publish(link: Link, history: History) -> str | None:
    """Attach files to the runs; all of it may be done again."""
    run, store = link.run, link.store
    for path in (run.spec_file, run.resolved_file, run.report, run.result):
        if path.is_file():
            store.upload(PARENT, path)
    best = _run_of_adapter(history)
    if best == PARENT or best not in store.runs or not run.best.is_dir():
        return None
    store.upload(best, run.best, ADAPTER)
    tags = {"winner_run": store.runs[best].run_id}
    model = None
    if link.sweep.settings.tracking.register_winner:
        model = f"{link.sweep.name} version {store.register(link.sweep.name, best, ADAPTER)}"
        tags["model"] = model
    store.tag(PARENT, tags)
    return model


def _run_of_adapter(history: History) -> str:
    """Return the retraining whose adapter is kept as ``best/``: the winner's best seed."""
    runs = history.winner.runs if history.winner is not None else ()
    ranked = sorted((history.loss(run.metrics), run.number, run.id) for run in runs)
    return ranked[0][2] if ranked else PARENT
