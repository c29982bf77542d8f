"""The sweeps a bridge needs: written, run where they have not run, found again.

A workspace holds ``sweeps/`` (a search file per scenario and side), ``runs/`` (their run folders),
``pairs.json``, ``trials.parquet``, ``model.json`` and ``evaluation.json``. Every step may be done
again: what is there and still right is kept.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autopeft.core.errors import AutopeftError, RunFolderError
from autopeft.core.places import write_text
from autopeft.spec.bridge import SIDES, Bridge, Scenario, Side, saved
from autopeft.spec.sweep import Sweep
from autopeft.sweep import api
from autopeft.tracking.journal import has_writer
from autopeft.tracking.run_folder import RunFolder, open_run

# A killed `bridge run` may leave a driver behind that goes on; so often it is looked at.
LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a bridge's files lie."""

    path: Path

    @property
    def sweeps(self) -> Path:
        """The search files."""
        return self.path / "sweeps"

    @property
    def runs(self) -> Path:
        """The run folders."""
        return self.path / "runs"

    @property
    def model(self) -> Path:
        """The fitted bridge."""
        return self.path / "model.json"

    @property
    def evaluation(self) -> Path:
        """How good it is."""
        return self.path / "evaluation.json"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one sweep: its name, one word, and where it is."""

    name: str
    what: str
    where: Path


def prepare(bridge: Bridge, workspace: Workspace) -> Iterator[Done]:
    """Write the search file of every scenario and side; yield what was done with each."""
    for phase, scenario in bridge.scenarios():
        for side in SIDES:
            name = f"{scenario.name} {side}"
            given = scenario.run_of(side)
            if given is not None:
                yield Done(name, "given", open_run(given).path)
                continue
            path = workspace.sweeps / phase / f"{scenario.name}.{side}.yaml"
            text = saved(bridge.sweep(scenario, side))
            before = path.read_text(encoding="utf-8") if path.is_file() else None
            if before != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, text)
            what = {None: "written", text: "unchanged"}.get(before, "changed")
            yield Done(name, what, path)


Start = Callable[[Sweep, Path], RunFolder]
GoOn = Callable[[RunFolder], RunFolder]


def start_sweep(sweep: Sweep, runs: Path) -> RunFolder:
    """Run a sweep to its end in a new run folder, wherever its file says."""
    return api.run(sweep.raw, runs=runs)


def finish_sweep(run: RunFolder) -> RunFolder:
    """Take a sweep up where its journal ends; wait first for a driver that was left behind."""
    while run.journal.exists() and has_writer(run.journal):
        time.sleep(LOOK_EVERY_S)
    return api.resume(run.path)


def run_sweeps(
    bridge: Bridge,
    workspace: Workspace,
    *,
    start: Start = start_sweep,
    go_on: GoOn = finish_sweep,
) -> Iterator[Done]:
    """Run what has not run, one sweep after the other; yield what was done with each.

    Raises:
        AutopeftError: A sweep did not reach its end; the same call goes on.
    """
    for _, scenario in bridge.scenarios():
        for side in SIDES:
            name = f"{scenario.name} {side}"
            given = scenario.run_of(side)
            if given is not None:
                yield Done(name, "given", open_run(given).path)
                continue
            sweep = bridge.sweep(scenario, side)
            run = find_run(sweep, workspace.runs)
            if run is None:
                yield Done(name, "run", start(sweep, workspace.runs).path)
            elif _is_over(run):
                yield Done(name, "skipped", run.path)
            else:
                yield Done(name, "resumed", go_on(run).path)


def find_run(sweep: Sweep, runs: Path) -> RunFolder | None:
    """Return the newest run folder of exactly this sweep; one of another version is not it."""
    for path in sorted(runs.glob(f"{sweep.name}-*/search.yaml"), reverse=True):
        run = RunFolder(path.parent)
        if path.read_text(encoding="utf-8") == saved(sweep):
            return run
    return None


def finder(bridge: Bridge, workspace: Workspace) -> Callable[[Scenario, Side], RunFolder | None]:
    """Return what finds a scenario's run of a side, given or made here."""

    def find(scenario: Scenario, side: Side) -> RunFolder | None:
        given = scenario.run_of(side)
        if given is not None:
            return open_run(given)
        return find_run(bridge.sweep(scenario, side), workspace.runs)

    return find


def given_runs(bridge: Bridge) -> list[str]:
    """Return what is wrong with the run folders that the file names, a sentence each."""
    wrong = []
    for _, scenario in bridge.scenarios():
        for side in SIDES:
            given = scenario.run_of(side)
            try:
                if given is not None:
                    open_run(given)
            except RunFolderError as error:
                wrong.append(f"{scenario.name} {side}: {error}")
    return wrong


def _is_over(run: RunFolder) -> bool:
    try:
        history = run.history()
    except AutopeftError:
        return False
    return history.is_over and history.counted >= run.sweep().settings.search.trials
