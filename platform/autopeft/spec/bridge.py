"""A bridge file: a proxy, a target, and the scenarios on which both are tuned."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationError

from autopeft.core.errors import InputError, Problem
from autopeft.core.seeds import derive_seed
from autopeft.spec.compose import compose
from autopeft.spec.lines import Lines, place
from autopeft.spec.load import load_sweep
from autopeft.spec.problems import complaints, dotted
from autopeft.spec.record import Record
from autopeft.spec.searcher import MOST_SEED
from autopeft.spec.sweep import Sweep
from autopeft.spec.tracking import check_uri

Side: TypeAlias = Literal["proxy", "target"]
SIDES: tuple[Side, ...] = ("proxy", "target")
Phase: TypeAlias = Literal["train", "test"]
PHASES: tuple[Phase, ...] = ("train", "test")
IN_MLFLOW = "mlflow:"  # what names a sweep that MLflow holds begins with
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Scenario(Record):
    """One data set or situation: what is different there, as overrides of the search files.

    ``both`` holds overrides of either side, ``proxy`` and ``target`` those of one: paths such as
    ``task.data.domain`` and values. ``features`` are numbers known of the data. A side that was
    tuned before is named by its run folder (``proxy_run``, ``target_run``) and not run again, or by
    ``mlflow:SWEEP`` where the folder is gone and MLflow holds it.
    """

    name: str = Field(min_length=1, max_length=30, pattern=NAME)
    both: dict[str, Any] = Field(default_factory=dict)
    proxy: dict[str, Any] = Field(default_factory=dict)
    target: dict[str, Any] = Field(default_factory=dict)
    features: dict[str, float] = Field(default_factory=dict)
    proxy_run: str | None = None
    target_run: str | None = None

    def run_of(self, side: Side) -> str | None:
        """Return the run folder of a side that was tuned before."""
        return self.proxy_run if side == "proxy" else self.target_run

    def overrides(self, side: Side) -> list[str]:
        """Return what is different of a side here, as a command line has it."""
        own = self.proxy if side == "proxy" else self.target
        return [f"{path}={json.dumps(value)}" for path, value in {**self.both, **own}.items()]


class BridgeSettings(Record):
    """The whole file.

    ``proxy`` and ``target`` are search files, or their content. The bridge learns from the
    scenarios in ``train``; those in ``test`` only judge it. ``mlflow`` is where past sweeps are
    that scenarios name as ``mlflow:SWEEP``.
    """

    name: str = Field(min_length=1, max_length=24, pattern=NAME)
    seed: int = Field(0, ge=0, le=MOST_SEED)
    proxy: str | dict[str, Any]
    target: str | dict[str, Any]
    train: tuple[Scenario, ...] = Field(min_length=1)
    test: tuple[Scenario, ...] = ()
    mlflow: Annotated[str, AfterValidator(check_uri)] = "sqlite:///mlflow.db"

    def of(self, phase: Phase) -> tuple[Scenario, ...]:
        """Return the scenarios of a phase."""
        return self.train if phase == "train" else self.test


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge file that was read; ``folder`` is where its paths count from."""

    settings: BridgeSettings
    folder: Path

    @property
    def name(self) -> str:
        """The bridge's name."""
        return self.settings.name

    def scenarios(self) -> Iterator[tuple[Phase, Scenario]]:
        """Yield every scenario, those to learn from first."""
        yield from (("train", scenario) for scenario in self.settings.train)
        yield from (("test", scenario) for scenario in self.settings.test)

    def sweep(self, scenario: Scenario, side: Side) -> Sweep:
        """Return a scenario's sweep of one side.

        Raises:
            InputError: The search file is wrong, as it stands or with the scenario's overrides.
        """
        seed = derive_seed(self.settings.seed, scenario.name, side)
        named = [f"name={self.name}-{scenario.name}-{side}", f"seed={seed}"]
        return self._loaded(side, [*named, *scenario.overrides(side)])

    def proxy_sweep(self) -> dict[str, Any] | None:
        """Return the proxy's search file as plain data, its paths absolute.

        Nothing if it is no whole file by itself, because each scenario adds what it needs.
        """
        try:
            return self._loaded("proxy", [f"name={self.name}-proxy"]).raw
        except InputError:
            return None

    def _loaded(self, side: Side, overrides: list[str]) -> Sweep:
        source = self.settings.proxy if side == "proxy" else self.settings.target
        where = source if isinstance(source, Mapping) else self.folder / Path(source)
        return load_sweep(where, overrides, folder=self.folder)


def load_bridge(path: Path) -> Bridge:
    """Read a bridge file and every sweep it makes.

    Raises:
        InputError: Holds every problem of the file, then of its sweeps.
    """
    lines: Lines = {}
    raw = compose(path, lines)
    try:
        settings = BridgeSettings.model_validate(raw)
    except ValidationError as error:
        raise InputError(
            [
                Problem(place(where, lines), dotted(where), text)
                for where, text in complaints(error, BridgeSettings)
            ]
        ) from error
    bridge = Bridge(_absolute(settings, path.resolve().parent), path.resolve().parent)
    problems = [*_twice(settings, lines), *_wrong_sweeps(bridge, lines)]
    if problems:
        raise InputError(problems)
    return bridge


def _absolute(settings: BridgeSettings, folder: Path) -> BridgeSettings:
    """Resolve the run folders that a file names against it."""

    def resolved(scenario: Scenario) -> Scenario:
        runs = {f"{side}_run": scenario.run_of(side) for side in SIDES}
        paths = {
            key: run if run.startswith(IN_MLFLOW) else str(folder / run)
            for key, run in runs.items()
            if run is not None
        }
        return scenario.model_copy(update=paths)

    return settings.model_copy(
        update={phase: tuple(map(resolved, settings.of(phase))) for phase in PHASES}
    )


def _twice(settings: BridgeSettings, lines: Lines) -> Iterator[Problem]:
    """Yield the scenarios whose name stands twice."""
    seen: set[str] = set()
    for phase in PHASES:
        for index, scenario in enumerate(settings.of(phase)):
            if scenario.name in seen:
                where = (phase, index, "name")
                message = f"two scenarios are named {scenario.name!r}; give each its own name"
                yield Problem(place(where, lines), dotted(where), message)
            seen.add(scenario.name)


def _wrong_sweeps(bridge: Bridge, lines: Lines) -> Iterator[Problem]:
    """Yield what is wrong with the sweeps; what is wrong with all of a side is said once."""
    seen: set[tuple[Side, str, str]] = set()
    spaces: dict[Side, tuple[str, object]] = {}
    for phase, scenario in bridge.scenarios():
        index = bridge.settings.of(phase).index(scenario)
        for side in SIDES:
            where = (phase, index)
            try:
                space = bridge.sweep(scenario, side).space
            except InputError as error:
                for problem in error.problems:
                    if (side, problem.path, problem.message) not in seen:
                        seen.add((side, problem.path, problem.message))
                        here = problem.where or place(where, lines)
                        path = f"{side}: {problem.path}" if problem.path else side
                        yield Problem(here, f"{scenario.name}, {path}", problem.message)
                continue
            first, known = spaces.setdefault(side, (scenario.name, space))
            if space != known:
                message = f"its {side} searches another space than {first}'s; all must be alike"
                yield Problem(place(where, lines), dotted(where), message)
