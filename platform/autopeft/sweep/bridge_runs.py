"""The sweeps a bridge needs: written, run where they have not run, found again.

A workspace holds ``sweeps/`` (a search file per scenario and side), ``runs/`` (their run folders),
``fetched/`` (those of sweeps that came from MLflow), ``pairs.json``, ``trials.parquet``,
``model.json`` and ``evaluation.json``. Every step may be done
again: what is there and still right is kept.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autopeft.bridge.evaluation import Evaluation, predictions
from autopeft.bridge.model_file import BridgeModel
from autopeft.bridge.pairs import Pair
from autopeft.core.errors import AutopeftError, InputError, RunFolderError, TrackingError
from autopeft.core.places import write_text
from autopeft.spec.bridge import IN_MLFLOW, SIDES, Bridge, Phase, Scenario, Side
from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.sweep import api
from autopeft.sweep.permission import refused_code
from autopeft.tracking.journal import has_writer
from autopeft.tracking.mlflow_bridge import BridgeFacts, log_bridge
from autopeft.tracking.mlflow_fetch import fetch
from autopeft.tracking.run_folder import RunFolder, find_run, open_run, saved

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
    def fetched(self) -> Path:
        """Run folders of past sweeps that came from MLflow."""
        return self.path / "fetched"

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


def opened(bridge: Bridge, workspace: Workspace, given: str) -> RunFolder:
    """Return a run that the file names: a folder, or one fetched from MLflow, once.

    Raises:
        RunFolderError: There is no such folder.
        TrackingError: MLflow does not answer, or has no such sweep.
    """
    if given.startswith(IN_MLFLOW):
        sweep, uri = given.removeprefix(IN_MLFLOW), bridge.settings.mlflow
        return fetch(sweep, uri, workspace.fetched, root=bridge.folder)
    return open_run(given)


def prepare(bridge: Bridge, workspace: Workspace) -> Iterator[Done]:
    """Write the search file of every scenario and side; yield what was done with each."""

    def write(phase: Phase, scenario: Scenario, side: Side) -> tuple[str, Path]:
        path = workspace.sweeps / phase / f"{scenario.name}.{side}.yaml"
        text = saved(bridge.sweep(scenario, side))
        before = path.read_text(encoding="utf-8") if path.is_file() else None
        if before != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
        return {None: "written", text: "unchanged"}.get(before, "changed"), path

    return _each(bridge, workspace, write)


Start = Callable[[Sweep, Path], RunFolder]
GoOn = Callable[[RunFolder], RunFolder]


@dataclass(frozen=True, slots=True)
class Drive:
    """How sweeps are run: in a new run folder, or on from where a journal ends."""

    start: Start
    go_on: GoOn


def driving(*, allow_code: bool) -> Drive:
    """Return what runs sweeps to their ends, wherever their files say.

    Args:
        allow_code: Whether a function may be called that no installed package offers.
    """

    def go_on(run: RunFolder) -> RunFolder:
        while run.journal.exists() and has_writer(run.journal):  # a driver was left behind
            time.sleep(LOOK_EVERY_S)
        return api.resume(run.path, allow_code=allow_code)

    return Drive(
        start=lambda sweep, runs: api.run(sweep.raw, runs=runs, allow_code=allow_code), go_on=go_on
    )


def run_sweeps(bridge: Bridge, workspace: Workspace, *, drive: Drive) -> Iterator[Done]:
    """Run what has not run, one sweep after the other; yield what was done with each.

    Raises:
        AutopeftError: A sweep did not reach its end; the same call goes on.
    """

    def run(phase: Phase, scenario: Scenario, side: Side) -> tuple[str, Path]:
        what, found = _to_its_end(bridge.sweep(scenario, side), workspace, drive)
        return what, found.path

    return _each(bridge, workspace, run)


def _each(
    bridge: Bridge,
    workspace: Workspace,
    do: Callable[[Phase, Scenario, Side], tuple[str, Path]],
) -> Iterator[Done]:
    """Do something with every side of every scenario, but not with those given."""
    for phase, scenario in bridge.scenarios():
        for side in SIDES:
            given = scenario.run_of(side)
            what, where = (
                ("given", opened(bridge, workspace, given).path)
                if given is not None
                else do(phase, scenario, side)
            )
            yield Done(f"{scenario.name} {side}", what, where)


def _to_its_end(sweep: Sweep, workspace: Workspace, drive: Drive) -> tuple[str, RunFolder]:
    """Run a sweep unless it has run; return what was done, and its run folder."""
    run = find_run(sweep, workspace.runs)
    if run is None:
        return "run", drive.start(sweep, workspace.runs)
    if _is_over(run):
        return "skipped", run
    return "resumed", drive.go_on(run)


def try_predictions(
    bridge: Bridge,
    workspace: Workspace,
    model: BridgeModel,
    pairs: Sequence[Pair],
    *,
    drive: Drive,
) -> Iterator[tuple[Done, float | None]]:
    """Train the target once where the bridge points, on every test scenario.

    Yields:
        What was done, and the loss, to be minimised; nothing if the trial failed.

    Raises:
        AutopeftError: A sweep did not reach its end; the same call goes on.
    """
    scenarios = {scenario.name: scenario for scenario in bridge.settings.test}
    for name, values in predictions(model, pairs).items():
        sweep = _one_trial(bridge.sweep(scenarios[name], "target"), values)
        what, run = _to_its_end(sweep, workspace, drive)
        history = run.history()
        losses = [history.loss(trial.metrics) for trial in history.ranked()]
        yield Done(f"{name} predicted", what, run.path), min(losses, default=None)


def _one_trial(sweep: Sweep, values: Mapping[str, Any]) -> Sweep:
    """Return a sweep that is this one trial, and nothing beside it."""
    raw = {
        **sweep.raw,
        "name": f"{sweep.name.removesuffix('-target')}-predicted",
        "search": {
            "trials": 1,
            "searcher": {"kind": "random"},
            "objectives": dict(sweep.settings.search.objectives),
            "first_points": [dict(values)],
            "baselines": False,
            "retrain": 0,
        },
    }
    return load_sweep(raw)


def finder(bridge: Bridge, workspace: Workspace) -> Callable[[Scenario, Side], RunFolder | None]:
    """Return what finds a scenario's run of a side, given or made here."""

    def find(scenario: Scenario, side: Side) -> RunFolder | None:
        given = scenario.run_of(side)
        if given is not None:
            return opened(bridge, workspace, given)
        return find_run(bridge.sweep(scenario, side), workspace.runs)

    return find


def given_runs(bridge: Bridge, workspace: Workspace) -> list[str]:
    """Return what is wrong with the run folders that the file names, a sentence each."""
    wrong = []
    for _, scenario in bridge.scenarios():
        for side in SIDES:
            given = scenario.run_of(side)
            try:
                if given is not None:
                    opened(bridge, workspace, given)
            except (RunFolderError, TrackingError) as error:
                wrong.append(f"{scenario.name} {side}: {error}")
    return wrong


def check_code(bridge: Bridge, *, allowed: bool) -> None:
    """Return if the sweeps name no code, or the user has allowed it.

    Raises:
        InputError: They do, and nobody has.
    """
    scenario = bridge.settings.train[0]
    problems = [
        problem
        for side in SIDES
        for problem in refused_code(bridge.sweep(scenario, side), allowed=allowed)
    ]
    if problems:
        raise InputError(list(dict.fromkeys(problems)))


def track(
    bridge: Bridge, workspace: Workspace, model: BridgeModel, found: Evaluation | None
) -> str:
    """Log pairs, fit and predictions to MLflow, where the target's sweeps are kept.

    Returns:
        Where to look at them, or why they are not there: tracking is never in the way. Empty if
        the target's search file does without.
    """
    target = bridge.sweep(bridge.settings.train[0], "target")
    if not target.settings.tracking.enabled:
        return ""
    files = [workspace.path / "pairs.json", workspace.model, workspace.evaluation]
    facts = BridgeFacts(
        name=bridge.name,
        sources=[name for pair in model.pairs for name in pair.runs],
        tags={
            "bridge.sentence": model.sentence,
            "bridge.signal": str(model.has_signal).lower(),
            "bridge.regression": model.regression,
            "bridge.inputs": ", ".join(model.inputs),
        },
        metrics=dict(_metrics(model, found)),
        files=[path for path in files if path.is_file()],
    )
    try:
        return f"in MLflow: {log_bridge(facts, workspace.runs, target)}"
    except TrackingError as error:
        return f"not in MLflow: {error}; `autopeft bridge fit` writes it later"


def _metrics(model: BridgeModel, found: Evaluation | None) -> Iterator[tuple[str, float]]:
    yield "pairs", float(len(model.pairs))
    for score in model.scores:
        if score.error is not None and score.gain is not None:
            name = f"{score.regression} of {' and '.join(score.inputs) or 'nothing'}"
            yield f"error/{name}", score.error
            yield f"gain/{name}", score.gain
    if model.regret is not None:
        yield "expected_regret", model.regret[0]
    for judged in found.judged if found else ():
        yield f"test/{judged.by}/error", judged.error
        yield f"test/{judged.by}/estimated_regret", judged.regret
    for name, shot in (found.shots if found else {}).items():
        if shot.regret is not None:
            yield f"test/regret/{name}", shot.regret


def _is_over(run: RunFolder) -> bool:
    try:
        history = run.history()
    except AutopeftError:
        return False
    return history.is_over and history.counted >= run.sweep().settings.search.trials
