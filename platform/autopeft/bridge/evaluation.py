"""How good a bridge is on scenarios it has not seen, beside the mean and simple transfer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from autopeft.bridge.best import best_points
from autopeft.bridge.collecting import Collected, past_runs
from autopeft.bridge.fitting import MEAN, predictor, squared_error
from autopeft.bridge.model_file import BridgeModel, fit
from autopeft.bridge.pairs import Pair, Seen
from autopeft.bridge.past import PastRun
from autopeft.bridge.regret import estimated_regret, mean_and_spread
from autopeft.core.errors import AutopeftError
from autopeft.spec.bridge import SIDES
from autopeft.spec.record import Record
from autopeft.spec.space import Axis, Cube, Space

BRIDGE = "bridge"
BEST = "best of history"


class Judged(Record):
    """One way to a point, on the test scenarios.

    Attributes:
        by: ``bridge``, ``mean`` (of the training targets) or ``best of history`` (the training
            optimum that is best by estimate on the other training scenarios).
        error: Mean squared distance to the target's best point, per axis.
        regret: What the point loses against the target's best trial, estimated; mean.
        regret_spread: Standard deviation of that over the scenarios.
        scenarios: Error and estimated regret, by scenario.
    """

    by: str
    error: float
    regret: float
    regret_spread: float
    scenarios: dict[str, tuple[float, float]]


class Shot(Record):
    """The bridge's prediction for a test scenario, and what its own trial lost.

    Attributes:
        values: The predicted configuration.
        loss: Of its trial, to be minimised; nothing if it was not tried, or failed.
        regret: How much more that is than the target's best trial; below 0 where it is better.
    """

    values: dict[str, Any]
    loss: float | None = None
    regret: float | None = None


class Evaluation(Record):
    """The report: who was judged on what.

    ``shots`` are the bridge's predictions, by test scenario.
    """

    name: str
    has_signal: bool
    sentence: str
    metric: str
    judged: tuple[Judged, ...]
    shots: dict[str, Shot] = Field(default_factory=dict)

    @property
    def regrets(self) -> list[float]:
        """What the predictions that were tried lost."""
        return [shot.regret for shot in self.shots.values() if shot.regret is not None]


def fitted(
    name: str,
    collected: Collected,
    trials: pd.DataFrame,
    *,
    proxy_sweep: dict[str, Any] | None = None,
) -> BridgeModel:
    """Return the bridge that the training pairs teach, with the regret it may expect.

    Args:
        name: What to call it.
        collected: Its pairs.
        trials: Every trial of them.
        proxy_sweep: The proxy's search file, for sweeps that tune it themselves.

    Raises:
        AutopeftError: Too few pairs.
    """
    names = [pair.scenario for pair in collected.train]
    sides = (past_runs(trials, side, names) for side in SIDES)
    model = fit(
        name,
        collected.train,
        proxy=Space(collected.proxy),
        target=Space(collected.target),
        objective=(collected.metric, collected.direction),
        runs=list(zip(*sides, strict=True)),
    )
    return model.model_copy(update={"proxy_sweep": proxy_sweep})


def predictions(model: BridgeModel, pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """Return the configuration that the bridge predicts for each scenario."""
    predict = model.predict()
    return {p.scenario: model.target_space.decode(predict(p.seen).cube) for p in pairs}


def evaluate(
    model: BridgeModel,
    collected: Collected,
    trials: pd.DataFrame,
    tried: Mapping[str, float | None] | None = None,
) -> Evaluation:
    """Return how the bridge does on the test scenarios.

    Args:
        model: The bridge.
        collected: Its pairs.
        trials: Every trial of them.
        tried: What the predictions' own trials lost, by scenario.

    Raises:
        AutopeftError: There are none.
    """
    if not collected.test:
        raise AutopeftError(
            f"{model.name}: no test scenario with both sides; write some under `test:`, "
            "then run and collect"
        )
    runs = past_runs(trials, "target", [pair.scenario for pair in collected.test])
    teachers = past_runs(trials, "target", [pair.scenario for pair in model.pairs])
    axes = model.target_space.axes
    mean = predictor(model.pairs, axes, MEAN, ())
    best = best_for_all(teachers, axes)
    ways: Mapping[str, Callable[[Seen], Cube]] = {
        BRIDGE: lambda seen: model.predict()(seen).cube,
        MEAN: lambda seen: mean(seen).cube,
        BEST: lambda seen: best,
    }
    return Evaluation(
        name=model.name,
        has_signal=model.has_signal,
        sentence=model.sentence,
        metric=model.metric,
        judged=tuple(_judged(by, way, collected.test, runs, model) for by, way in ways.items()),
        shots=dict(_shots(model, collected.test, tried or {})),
    )


def _shots(
    model: BridgeModel, pairs: Sequence[Pair], tried: Mapping[str, float | None]
) -> Iterator[tuple[str, Shot]]:
    best = {pair.scenario: pair.loss for pair in pairs}
    for name, values in predictions(model, pairs).items():
        loss = tried.get(name)
        regret = None if loss is None else loss - best[name]
        yield name, Shot(values=values, loss=loss, regret=regret)


def best_for_all(teachers: Sequence[PastRun], axes: Sequence[Axis]) -> dict[str, float]:
    """Return the past optimum with the least estimated regret on all past scenarios."""
    candidates = best_points(teachers, len(teachers))
    losses = [sum(estimated_regret(run, axes, c) for run in teachers) for c in candidates]
    return candidates[int(np.argmin(losses))]


def _judged(
    by: str,
    way: Callable[[Seen], Cube],
    pairs: Sequence[Pair],
    runs: Sequence[PastRun],
    model: BridgeModel,
) -> Judged:
    axes = model.target_space.axes
    found = {}
    for pair, run in zip(pairs, runs, strict=True):
        cube = way(pair.seen)
        found[pair.scenario] = (
            squared_error(cube, pair.target, axes),
            estimated_regret(run, axes, cube),
        )
    errors, regrets = zip(*found.values(), strict=True)
    mean, spread = mean_and_spread(list(regrets)) or (0.0, 0.0)
    return Judged(
        by=by, error=float(np.mean(errors)), regret=mean, regret_spread=spread, scenarios=found
    )
