"""How good a bridge is on scenarios it has not seen, beside the mean and simple transfer."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from autopeft.bridge.best import best_points
from autopeft.bridge.collecting import Collected, past_runs
from autopeft.bridge.fitting import MEAN, Choice, predictor, squared_error
from autopeft.bridge.model_file import BridgeModel, fit
from autopeft.bridge.pairs import Pair, Seen
from autopeft.bridge.past import PastRun
from autopeft.bridge.regret import estimated_regret, mean_and_spread
from autopeft.core.errors import AutopeftError
from autopeft.spec.record import Record
from autopeft.spec.space import Cube, Space

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


class Evaluation(Record):
    """The report: who was judged on what."""

    name: str
    has_signal: bool
    sentence: str
    metric: str
    judged: tuple[Judged, ...]


def fitted(name: str, collected: Collected, trials: pd.DataFrame) -> BridgeModel:
    """Return the bridge that the training pairs teach, with the regret it may expect.

    Raises:
        AutopeftError: Too few pairs.
    """
    runs = past_runs(trials, "target", [pair.scenario for pair in collected.train])
    return fit(
        name,
        collected.train,
        proxy=Space(collected.proxy),
        target=Space(collected.target),
        objective=(collected.metric, collected.direction),
        regret=regret_in(runs, Space(collected.target)),
    )


def regret_in(
    runs: Sequence[PastRun], target: Space
) -> Callable[[Choice], tuple[float, float] | None]:
    """Return what estimates the regret of predictions of left out scenarios in their own runs."""

    def regret(choice: Choice) -> tuple[float, float] | None:
        together = zip(runs, choice.left_one_out, strict=True)
        return mean_and_spread([estimated_regret(run, target.axes, cube) for run, cube in together])

    return regret


def evaluate(model: BridgeModel, collected: Collected, trials: pd.DataFrame) -> Evaluation:
    """Return how the bridge does on the test scenarios.

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
    best = _best_of_history(teachers, model)
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
    )


def _best_of_history(teachers: Sequence[PastRun], model: BridgeModel) -> dict[str, float]:
    """Return the training optimum with the least estimated regret on all training scenarios."""
    axes = model.target_space.axes
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
