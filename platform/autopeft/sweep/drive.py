"""A run folder in, a finished sweep out: what runs inside the allocation, or on the laptop.

``drive`` reads the journal (empty for a new run), lets Ray Tune run what the conductor assigns,
and at the end writes the result, the page and the winner's adapter.
"""

import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from importlib import import_module

from autopeft.bridge import make_opening
from autopeft.core.errors import AutopeftError, RunFolderError
from autopeft.core.places import write_json, writing
from autopeft.core.process_mark import ProcessMark
from autopeft.spec.sweep import Sweep
from autopeft.sweep.conductor import Conductor
from autopeft.sweep.finish import finish
from autopeft.sweep.inherit import inherit
from autopeft.sweep.interruption import asked, leaving, stoppable
from autopeft.sweep.permission import require_permission
from autopeft.sweep.proxy_first import tuned_proxy
from autopeft.sweep.ray_metrics import RayMetrics
from autopeft.sweep.ray_session import ray_session
from autopeft.tracking.events import (
    AnyEvent,
    Asked,
    DriverFailed,
    Ended,
    SweepStarted,
    WarmStarted,
)
from autopeft.tracking.history import History
from autopeft.tracking.journal import Journal, Listener, read_journal
from autopeft.tracking.mlflow_tracker import MlflowTracker
from autopeft.tracking.run_folder import RunFolder

WARM = "autopeft.sweep.trainable:WarmTrainable"
VERSIONED = ("autopeft", "ray", "torch", "transformers", "peft", "optuna", "mlflow")


class Ending(StrEnum):
    """How a drive ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    OUT_OF_TIME = "out of time"


def drive(run: RunFolder, *, listeners: Sequence[Listener] = (), trainable: str = WARM) -> Ending:
    """Run a sweep to its end, from wherever its journal stands.

    Args:
        run: A run folder made by ``create_run``.
        listeners: Called with every event after it is on disk.
        trainable: What a trial is, as ``module:class``; benchmarks put a trivial one here.

    Returns:
        ``INTERRUPTED`` if Ctrl-C or ``autopeft stop`` came first, ``OUT_OF_TIME`` if the walltime
        did; the journal holds all the same.

    Raises:
        AutopeftError: Ray does not start, the journal cannot be written, another driver is at it.
    """
    try:
        with stoppable():
            return _drive(run, listeners, trainable)
    except KeyboardInterrupt:
        return Ending.INTERRUPTED


def _drive(run: RunFolder, listeners: Sequence[Listener], trainable: str) -> Ending:
    sweep = run.sweep()
    require_permission(run, sweep)
    journal = Journal(run.journal)
    events = list(read_journal(run.journal))
    tracker = MlflowTracker(run, sweep) if sweep.settings.tracking.enabled else None
    try:
        with writing(run.path):
            write_json(run.driver, ProcessMark.of(os.getpid()).as_dict())
            run.write_resolved(sweep)
        if tracker is not None:
            journal.listen(tracker.listen)
        for listener in listeners:
            journal.listen(listener)
        past = History(sweep.settings.search, events)
        journal.listen(RayMetrics(run.path.name, past, gpus=sweep.settings.resources.gpus))
        journal.listen(lambda event: _tidy(run, event))
        journal.listen(lambda event: inherit(run, event))
        if events:  # the driver may have been killed between this line and its deed
            inherit(run, events[-1])
        conductor = _conductor(run, sweep, journal, events)
        over = conductor.history.is_over
        ending = Ending.DONE if over else _run_on_ray(conductor, run, sweep, trainable)
        if ending is Ending.DONE:
            finish(run, sweep, conductor.history)
            if tracker is not None:
                tracker.finish(conductor.history)
        return ending
    except AutopeftError as error:
        _note_failure(journal, error)
        raise
    finally:
        if tracker is not None:
            tracker.close(timeout_s=20)
        journal.close()
        run.driver.unlink(missing_ok=True)


def _conductor(run: RunFolder, sweep: Sweep, journal: Journal, events: list[AnyEvent]) -> Conductor:
    """Return the conductor where the journal leaves off, having noted who takes over."""
    is_new = not events
    if is_new:
        journal.write(
            SweepStarted(
                time=time.time(),
                sweep=journal.path.parent.name,
                name=sweep.name,
                seed=sweep.settings.seed,
                versions=_versions(),
                git_commit=run.commit,
                host=platform.node(),
            )
        )
    _open_warm(run, sweep, journal)
    conductor = Conductor(sweep, journal, events=list(read_journal(journal.path)))
    if not is_new and not conductor.is_over:
        conductor.resume(versions=_versions())
    return conductor


def _note_failure(journal: Journal, error: AutopeftError) -> None:
    """Journal why the driver gives up, if it can be: the disk may be what is full."""
    with suppress(OSError, RunFolderError):
        if journal.path.stat().st_size:  # the first line is that of a sweep that has started
            journal.write(DriverFailed(time=time.time(), reason=str(error)))


def _open_warm(run: RunFolder, sweep: Sweep, journal: Journal) -> None:
    """Journal what the warm start comes to, once and before the first point is asked for."""
    events = list(read_journal(journal.path))
    if any(isinstance(event, WarmStarted | Asked) for event in events):
        return
    opening = make_opening(sweep, proxy=tuned_proxy(run, sweep))
    if opening is not None:
        journal.write(WarmStarted(time=time.time(), opening=opening))


def _run_on_ray(conductor: Conductor, run: RunFolder, sweep: Sweep, trainable: str) -> Ending:
    resources = sweep.settings.resources
    with ray_session(
        run, cpus=resources.cpus, gpus=resources.gpus, max_concurrent=resources.max_concurrent
    ) as session:
        conductor.on_ray(slots=session.slots(), dashboard=session.dashboard)
        from autopeft.sweep.tune_run import run_tune

        module, _, name = trainable.partition(":")
        try:
            run_tune(
                conductor, run, slots=session.slots, trainable=getattr(import_module(module), name)
            )
        except Exception:  # whatever Tune makes of a Ray that the same signal stopped under it
            if not asked.is_set():
                raise
    if conductor.failure is not None:
        raise conductor.failure
    if conductor.history.is_over:
        return Ending.DONE
    return Ending.OUT_OF_TIME if leaving.is_set() and not asked.is_set() else Ending.INTERRUPTED


def _tidy(run: RunFolder, event: AnyEvent) -> None:
    """Remove the checkpoint of a trial that is over, a half written one too; an adapter stays."""
    if isinstance(event, Ended):
        folder = run.trial(event.trial)
        for checkpoint in (folder / "checkpoint.pt", *folder.glob(".checkpoint.pt.*")):
            checkpoint.unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)


def _versions() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in VERSIONED}
    return {"python": platform.python_version(), **versions}
