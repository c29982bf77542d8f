"""Ray for one sweep on this machine: private folder, own token, nothing left behind."""

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from autopeft.clusters.join import leaving_hosts
from autopeft.clusters.ray_environment import ENVIRONMENT, TOKEN_PATH, token_file
from autopeft.clusters.temporary import short_folder
from autopeft.core.errors import ClusterError
from autopeft.core.places import write_json
from autopeft.core.process_mark import ProcessMark
from autopeft.spec.resources import Resources
from autopeft.sweep.interruption import asked
from autopeft.sweep.slots import Slots, ray_nodes
from autopeft.tracking.run_folder import RunFolder

WATCH_EVERY_S = 1.0
STARTS = 3
HOW_TO_FIND_OUT = "`autopeft doctor` looks for the usual causes"
RAY_DIED, INTERRUPTED = 70, 130
# A signal to the whole process group ends Ray and reaches the driver in any order.
SIGNAL_MAY_TAKE_S = 2.0
LEFTOVERS = "ray-leftovers.json"
stopping = threading.Event()


@dataclass(frozen=True, slots=True)
class RaySession:
    """A running Ray: how many trials fit now, and where its dashboard is."""

    slots: Slots
    dashboard: str


@contextmanager
def ray_session(
    run: RunFolder, *, cpus: int, gpus: float, max_concurrent: int | None = None
) -> Iterator[RaySession]:
    """Start Ray (or join ``RAY_ADDRESS``), yield it, shut down what was started.

    The working folder becomes the run folder first: Ray puts the driver's on its workers' path,
    and from a checkout's root ``import mlflow`` would find the folder of that name.

    Args:
        run: Holds the token file.
        cpus: CPUs of one trial.
        gpus: GPUs of one trial.
        max_concurrent: At most so many trials at once.

    Raises:
        ClusterError: Ray does not start, or not one trial fits.
    """
    os.chdir(run.path)
    os.environ.update(ENVIRONMENT)
    os.environ.setdefault(TOKEN_PATH, str(token_file(run.path)))
    import ray

    joined = os.environ.get("RAY_ADDRESS")
    temporary = None if joined else _temporary_folder(run)
    try:
        context = _start(temporary)
        if temporary is not None:
            _note_processes(run, temporary)
            _die_with_ray()
        wanted = Resources(cpus=cpus, gpus=gpus, max_concurrent=max_concurrent)
        slots = Slots(ray_nodes, wanted, leaving=lambda: leaving_hosts(run.path))
        if slots() < 1:
            has = ray.cluster_resources()
            raise ClusterError(
                f"no trial fits: one wants {cpus} CPUs and {gpus:g} GPUs, the cluster has "
                f"{has.get('CPU', 0):g} and {has.get('GPU', 0):g}; lower resources"
            )
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots())
        yield RaySession(slots, str(context.dashboard_url or ""))
    finally:
        stopping.set()
        ray.shutdown()
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
            (run.path / LEFTOVERS).unlink(missing_ok=True)


def _start(temporary: Path | None) -> Any:
    """Start Ray in a folder; without one, join that of ``RAY_ADDRESS``.

    On a busy machine its raylet may take longer than the 30 s that Ray waits; then once more.
    """
    import ray

    before = psutil.Process().children(recursive=True)
    for left in reversed(range(STARTS)):
        try:
            if temporary is None:
                address = os.environ["RAY_ADDRESS"]
                return ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            return ray.init(
                num_cpus=len(os.sched_getaffinity(0)),
                include_dashboard=True,
                dashboard_host="127.0.0.1",
                _temp_dir=str(temporary),
                log_to_driver=False,
                logging_level="ERROR",
            )
        except (RuntimeError, ConnectionError, OSError, TimeoutError) as error:
            raise ClusterError(f"Ray does not start: {error}; {HOW_TO_FIND_OUT}") from error
        except Exception as error:
            if type(error) is not Exception:  # a bare one is how Ray says that it waited 30 s
                raise
            _end_half_started(before)
            if not left:
                raise ClusterError(
                    f"Ray did not start within 30 s, {STARTS} times: this machine is too busy; "
                    f"{HOW_TO_FIND_OUT}; Ray says: {error}"
                ) from error
    raise AssertionError("unreachable")


def _end_half_started(before: Sequence[psutil.Process]) -> None:
    """End what Ray has started so far: the children that were not there before."""
    children = [c for c in psutil.Process().children(recursive=True) if c not in before]
    for child in children:
        with suppress(psutil.Error):
            child.kill()
    psutil.wait_procs(children, timeout=10)


def _die_with_ray() -> None:
    """Watch the raylet and the GCS that this process started; end it if one of them dies.

    Without its raylet a driver neither fails nor goes on: Tune waits for ever. The journal is on
    disk, and ``clusters.local`` starts the next driver; not if somebody stopped both of them.
    """
    ours = [
        child
        for child in psutil.Process().children(recursive=True)
        if child.name() in ("raylet", "gcs_server")
    ]

    def watch() -> None:
        while all(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in ours):
            time.sleep(WATCH_EVERY_S)
        if stopping.is_set():
            return
        if asked.wait(SIGNAL_MAY_TAKE_S):
            print("autopeft: interrupted, and Ray with the driver", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)
        print("autopeft: Ray died; the driver ends and is started again", file=sys.stderr)
        os._exit(RAY_DIED)

    stopping.clear()
    if ours:
        threading.Thread(target=watch, name="ray-watch", daemon=True).start()


def _temporary_folder(run: RunFolder) -> Path:
    """Return a new private folder whose path is short enough for Ray's sockets.

    What a killed driver left behind, this folder and Ray's agents (which outlive their raylet by
    minutes), is noted in the run folder, and the next driver of the run removes it.
    """
    _remove_leftovers(run)
    folder = short_folder()
    write_json(run.path / LEFTOVERS, {"folder": str(folder), "processes": []})
    return folder


def _note_processes(run: RunFolder, folder: Path) -> None:
    """Note what Ray started."""
    started = []
    for child in psutil.Process().children(recursive=True):
        with suppress(OSError):  # it is over already
            started.append(ProcessMark.of(child.pid).as_dict())
    write_json(run.path / LEFTOVERS, {"folder": str(folder), "processes": started})


def _remove_leftovers(run: RunFolder) -> None:
    note = run.path / LEFTOVERS
    if not note.exists():
        return
    left = json.loads(note.read_text(encoding="utf-8"))
    for note_of_process in left["processes"]:
        process = ProcessMark.read(note_of_process)
        if process is not None and process.is_alive:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
    shutil.rmtree(left["folder"], ignore_errors=True)
    note.unlink()
