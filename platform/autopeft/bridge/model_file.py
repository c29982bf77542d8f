"""A fitted bridge as JSON: its pairs and its choice. Loading fits again, which takes milliseconds.

No pickle, and no library's inner state: what is read can be looked at.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from autopeft.bridge.fitting import Prediction, Score, choose, predictor
from autopeft.bridge.likeness import Past
from autopeft.bridge.pairs import Pair, Seen
from autopeft.bridge.past import PastRun, Trials
from autopeft.bridge.regret import estimated_regret, mean_and_spread
from autopeft.core.errors import AutopeftError
from autopeft.core.places import write_text
from autopeft.spec.record import Record
from autopeft.spec.space import Dimension, Space


class BridgeModel(Record):
    """What a bridge has learnt.

    Attributes:
        format: Of the file.
        name: The bridge's.
        metric: The target's first objective.
        direction: Whether that is to be low or high.
        proxy: The proxy's dimensions.
        target: The target's dimensions.
        pairs: What it was fitted to.
        regression: The chosen regression.
        inputs: What it sees.
        has_signal: Whether it beats the mean of the targets.
        sentence: What cross-validation found, in words.
        scores: How every candidate did.
        spread: Per axis, how far predictions were off when a scenario was left out.
        past: Both sweeps of every pair; bridges of earlier versions do not know them.
        regret: What such a prediction loses against the target's best, estimated: mean over
            scenarios and standard deviation.
        proxy_sweep: The search file of the proxy's sweeps, without what differs by scenario.
    """

    format: Literal["autopeft-bridge-1"] = "autopeft-bridge-1"
    name: str
    metric: str
    direction: Literal["min", "max"]
    proxy: tuple[Dimension, ...]
    target: tuple[Dimension, ...]
    pairs: tuple[Pair, ...]
    regression: str
    inputs: tuple[str, ...]
    has_signal: bool
    sentence: str
    scores: tuple[Score, ...]
    spread: dict[str, float]
    past: tuple[Past, ...] = ()
    regret: tuple[float, float] | None = None
    proxy_sweep: dict[str, Any] | None = None

    @property
    def proxy_space(self) -> Space:
        """What the proxy's sweeps search."""
        return Space(self.proxy)

    @property
    def target_space(self) -> Space:
        """What the target's sweeps search."""
        return Space(self.target)

    def predict(self) -> Callable[[Seen], Prediction]:
        """Return the fitted function; a prediction is at least as unsure as the left out ones.

        Far from the pairs it is less sure than that.
        """
        axes = self.target_space.axes
        inner = predictor(self.pairs, axes, self.regression, self.inputs)

        def predict(seen: Seen) -> Prediction:
            found = inner(seen)
            spread = {
                name: max(found.spread.get(name, 0.0), found.strangeness * self.spread[name])
                for name in found.cube
                if name in self.spread
            }
            return Prediction(found.cube, spread, found.strangeness)

        return predict

    def unknown_inputs(self, seen: Seen) -> list[str]:
        """Return the inputs that the chosen regression sees and that lack here."""
        wanted = {name for pair in self.pairs for name in pair.seen.numbers(self.inputs)}
        return sorted(wanted - set(seen.numbers(self.inputs)))


def fit(
    name: str,
    pairs: tuple[Pair, ...],
    *,
    proxy: Space,
    target: Space,
    objective: tuple[str, Literal["min", "max"]],
    runs: Sequence[tuple[PastRun, PastRun]] = (),
) -> BridgeModel:
    """Return the bridge that leaving one scenario out finds best.

    Args:
        name: What to call it.
        pairs: One per scenario.
        proxy: The space of the proxy's sweeps.
        target: That of the target's.
        objective: The target's first objective.
        runs: Proxy's and target's, of every pair, to estimate by them what a prediction loses.

    Raises:
        AutopeftError: Too few pairs.
    """
    choice = choose(pairs, target.axes)
    metric, direction = objective
    together = list(zip(pairs, runs, choice.left_one_out, strict=True)) if runs else []
    past = [
        Past(scenario=p.scenario, proxy=Trials.of(cheap), target=Trials.of(real), left_out=there)
        for p, (cheap, real), there in together
    ]
    regrets = [estimated_regret(real, target.axes, there) for _, (_, real), there in together]
    return BridgeModel(
        name=name, metric=metric, direction=direction, proxy=proxy.dimensions,
        target=target.dimensions, pairs=pairs, regression=choice.regression,
        inputs=choice.inputs, has_signal=choice.has_signal, sentence=choice.sentence,
        scores=choice.scores, spread=choice.spread, past=tuple(past),
        regret=mean_and_spread(regrets),
    )  # fmt: skip


def write_model(path: Path, model: BridgeModel) -> None:
    """Write a model whole or not at all."""
    write_text(path, model.model_dump_json(indent=2) + "\n")


def read_model(path: Path) -> BridgeModel:
    """Read what ``write_model`` wrote.

    Raises:
        AutopeftError: There is no such file, or it is not a bridge's model.
    """
    try:
        return BridgeModel.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AutopeftError(
            f"{path}: cannot be read: {error.strerror}; `autopeft bridge fit` writes one"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise AutopeftError(
            f"{path}: not a bridge's model ({place or 'the file'}: {first['msg']}); "
            "`autopeft bridge fit` writes one"
        ) from error
