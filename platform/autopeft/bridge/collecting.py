"""Run folders of proxies and targets in, pairs out; kept as plain files.

``pairs.json`` holds what the regression sees, ``trials.parquet`` every trial of every run, the bad
ones too: what is learnt from them may change, what was measured does not.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import ValidationError

from autopeft.bridge.pairs import Pair, Sides, data_features, missing, pair_of
from autopeft.bridge.past import PastRun, cube_in, read_past_run, run_of
from autopeft.core.errors import AutopeftError
from autopeft.core.places import write_text
from autopeft.spec.bridge import SIDES, Bridge, Phase, Scenario, Side
from autopeft.spec.record import Record
from autopeft.spec.space import Dimension, Space
from autopeft.tracking.run_folder import RunFolder

FindRun = Callable[[Scenario, Side], RunFolder | None]


class Collected(Record):
    """Everything a bridge can learn from, and be judged by.

    Attributes:
        proxy: The proxy's dimensions.
        target: The target's.
        metric: The target's first objective.
        direction: Whether that is to be low or high.
        train: Pairs to learn from.
        test: Pairs to judge by.
        missing: Which scenarios made no pair, and why.
    """

    proxy: tuple[Dimension, ...]
    target: tuple[Dimension, ...]
    metric: str
    direction: Literal["min", "max"]
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    missing: tuple[str, ...]


def collect(bridge: Bridge, find: FindRun) -> tuple[Collected, pd.DataFrame]:
    """Return the pairs of a bridge's scenarios and the table of all their trials.

    Args:
        bridge: What to collect.
        find: Returns a scenario's run of a side, if there is one.
    """
    first = bridge.settings.train[0]
    spaces = {side: bridge.sweep(first, side).space for side in SIDES}
    pairs: dict[Phase, list[Pair]] = {"train": [], "test": []}
    lacking: list[str] = []
    rows: list[dict[str, Any]] = []
    for phase, scenario in bridge.scenarios():
        runs = {side: find(scenario, side) for side in SIDES}
        sides = _sides(scenario, runs, spaces)
        pair = pair_of(sides, spaces["proxy"].axes)
        if pair is not None:
            pairs[phase].append(pair)
        lacking += missing([sides])
        for side, run in runs.items():
            rows += [] if run is None else _rows(phase, scenario.name, side, run, spaces[side])
    metric, direction = next(iter(bridge.sweep(first, "target").settings.search.objectives.items()))
    collected = Collected(
        proxy=spaces["proxy"].dimensions, target=spaces["target"].dimensions, metric=metric,
        direction=direction, train=tuple(pairs["train"]), test=tuple(pairs["test"]),
        missing=tuple(lacking),
    )  # fmt: skip
    return collected, pd.DataFrame(rows)


def _sides(
    scenario: Scenario, runs: Mapping[Side, RunFolder | None], spaces: Mapping[Side, Space]
) -> Sides:
    past: dict[Side, PastRun | None] = {
        side: None if run is None else read_past_run(run, spaces[side])
        for side, run in runs.items()
    }
    proxy, data = runs["proxy"], dict[str, float]()
    if proxy is not None:
        data = data_features(proxy.sweep(), proxy.history())
    return Sides(scenario.name, past["proxy"], past["target"], {**data, **scenario.features})


def _rows(
    phase: Phase, scenario: str, side: Side, run: RunFolder, space: Space
) -> Iterator[dict[str, Any]]:
    """Yield a row for every search trial of a run, however it ended."""
    history = run.history()
    whole = {trial.id for trial in history.ranked()}
    for trial in history.trials.values():
        if trial.cube:
            yield {
                "phase": phase,
                "scenario": scenario,
                "side": side,
                "run": run.path.name,
                "trial": trial.id,
                "status": trial.status.value,
                "step": trial.step,
                "counts": trial.id in whole,
                "loss": history.loss(trial.metrics),
                "cube": json.dumps(cube_in(space, trial.values)),
                "values": json.dumps(trial.values),
            }


def past_runs(trials: pd.DataFrame, side: Side, names: Sequence[str]) -> list[PastRun]:
    """Return the scenarios' runs of a side as the table of trials has them."""
    found = []
    for name in names:
        rows = trials[(trials["side"] == side) & (trials["scenario"] == name) & trials["counts"]]
        pairs = zip(map(json.loads, rows["cube"]), rows["loss"], strict=True)
        found.append(run_of(name, pairs))
    return found


def write_collected(folder: Path, collected: Collected, trials: pd.DataFrame) -> None:
    """Write both files, each whole or not at all."""
    write_text(folder / "pairs.json", collected.model_dump_json(indent=2) + "\n")
    temporary = folder / ".trials.parquet"
    trials.to_parquet(temporary, index=False)
    temporary.replace(folder / "trials.parquet")


def read_collected(folder: Path) -> tuple[Collected, pd.DataFrame]:
    """Read what ``write_collected`` wrote.

    Raises:
        AutopeftError: It is missing or damaged.
    """
    path = folder / "pairs.json"
    try:
        collected = Collected.model_validate_json(path.read_text(encoding="utf-8"))
        return collected, pd.read_parquet(folder / "trials.parquet")
    except OSError as error:
        raise AutopeftError(
            f"{path}: cannot be read: {error.strerror or error}; `autopeft bridge collect` "
            "writes it"
        ) from error
    except ValidationError as error:
        raise AutopeftError(f"{path}: damaged; `autopeft bridge collect` writes it anew") from error
