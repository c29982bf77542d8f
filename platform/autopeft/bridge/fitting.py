"""The regression from what a proxy shows to where the target is best, chosen by leaving one out.

Candidates are regressions times groups of inputs (the proxy's optimum, the shape of its surface,
what is known of the data). Each is judged by its error on scenarios that it was not fitted to. A
bridge has a *signal* if the best candidate beats the mean of the targets by more than the standard
error of that difference.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from threadpoolctl import threadpool_limits

from autopeft.bridge.pairs import Pair, Seen
from autopeft.bridge.regressions import REGRESSIONS, Array
from autopeft.core.errors import AutopeftError
from autopeft.spec.record import Record
from autopeft.spec.space import Axis, completed, level_of, middle_of, snapped

INPUTS: Sequence[tuple[str, ...]] = (
    ("optimum",),
    ("optimum", "surface"),
    ("optimum", "data"),
    ("optimum", "surface", "data"),
)
FEWEST_PAIRS = 3
MEAN = "mean"
# How sure a prediction may be at most: a few pairs agree by chance. Half of that made a simplex too
# small on functions that have waves, twice as much cost every search two trials.
LEAST_SPREAD = 0.02
# Seen by the regressions only if it varies by more.
CONSTANT = 1e-9


class Score(Record):
    """How a candidate does on scenarios it has not seen.

    Attributes:
        regression: Its name.
        inputs: The groups of numbers it sees.
        error: Mean over scenarios of the squared distance to the target's optimum, per axis.
        gain: How much smaller that is than the mean's, in the mean over scenarios.
        gain_error: Standard error of the gain.
        left_out: Why it was not tried; empty if it was.
    """

    regression: str
    inputs: tuple[str, ...] = ()
    error: float | None = None
    gain: float | None = None
    gain_error: float | None = None
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Where the target is believed to be best.

    Attributes:
        cube: The point, always inside the space and with the axes that exist there.
        spread: Per axis, the standard deviation of the belief.
        strangeness: How much less sure than within the cloud of the pairs; 1 there, more outside.
    """

    cube: dict[str, float]
    spread: dict[str, float]
    strangeness: float = 1.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What cross-validation came to."""

    regression: str
    inputs: tuple[str, ...]
    has_signal: bool
    scores: tuple[Score, ...]
    spread: dict[str, float]
    left_one_out: tuple[dict[str, float], ...]
    sentence: str


def choose(pairs: Sequence[Pair], axes: Sequence[Axis]) -> Choice:
    """Return the candidate with the least error when a scenario is left out.

    Args:
        pairs: Every scenario once.
        axes: The target's.

    Raises:
        AutopeftError: There are too few pairs to learn anything from.
    """
    if len(pairs) < FEWEST_PAIRS:
        raise AutopeftError(
            f"{_count(len(pairs))}: too few to learn from; a bridge takes at least {FEWEST_PAIRS} "
            "scenarios with a proxy and a target that ran"
        )
    with threadpool_limits(1):  # a matrix of ten rows is nine times slower on two threads
        tried = {key: _left_out_predictions(pairs, axes, *key) for key in _candidates(pairs)}
    errors = {key: _errors(found, pairs, axes) for key, found in tried.items()}
    base = errors[MEAN, ()]
    best = min(errors, key=lambda key: float(errors[key].mean()))
    scores = (*(_score(key, found, base) for key, found in errors.items()), *_untried(pairs))
    gain, gain_error = _gain(errors[best], base)
    chosen = best if gain > gain_error else (MEAN, ())
    found = tried[chosen]
    return Choice(
        *chosen,
        has_signal=chosen[0] != MEAN,
        scores=scores,
        spread=dict(_spread(found, pairs, axes)),
        left_one_out=tuple(prediction.cube for prediction in found),
        sentence=_verdict(best, gain, gain_error, base, len(pairs)),
    )


def predictor(
    pairs: Sequence[Pair], axes: Sequence[Axis], regression: str, inputs: Sequence[str]
) -> Callable[[Seen], Prediction]:
    """Return the function from what is seen to a prediction, fitted to all pairs."""
    names = sorted({name for pair in pairs for name in pair.seen.numbers(inputs)})
    table_NF = np.asarray([[p.seen.numbers(inputs).get(n, np.nan) for n in names] for p in pairs])
    table_NF = table_NF.reshape(len(pairs), len(names))
    middle_F, scale_F = _standard(table_NF)
    varies_F = scale_F > CONSTANT

    def standard(table: Array) -> Array:
        filled = np.where(np.isfinite(table), table, middle_F)
        result: Array = ((filled - middle_F) / np.where(varies_F, scale_F, 1.0))[:, varies_F]
        return result

    rows_NF = standard(table_NF)
    strange = _strangeness(rows_NF)
    outputs = [
        (axis, level, _fitted(regression, rows_NF, *_target(pairs, axis, level)))
        for axis in axes
        for level in (range(axis.levels or 1) if not axis.ordered else (0,))
    ]

    def predict(seen: Seen) -> Prediction:
        numbers = seen.numbers(inputs)
        row = standard(np.asarray([[numbers.get(name, np.nan) for name in names]]))
        found: dict[str, list[tuple[float, float]]] = {}
        for axis, _, output in outputs:
            mean, spread = output(row)
            found.setdefault(axis.name, []).append((float(mean[0]), float(spread[0])))
        whole = {axis.name: _position(axis, found[axis.name]) for axis in axes}
        cube = completed(axes, {}, whole)
        own = {a.name: found[a.name][0][1] for a in axes if a.ordered and a.name in cube}
        return Prediction(cube, own, strange(row))

    return predict


def _strangeness(rows_NF: Array) -> Callable[[Array], float]:
    """Return what tells how much less sure a prediction is, the farther from the pairs it is made.

    A line's predictive variance is ``1 + leverage`` times that of the noise (Draper & Smith, 1998,
    section 8.1). The errors of left out scenarios hold that already for rows among the pairs, so
    only what is beyond their greatest leverage counts.
    """
    count, width = rows_NF.shape
    inverse_FF = np.linalg.inv(rows_NF.T @ rows_NF + np.eye(width))

    def leverage(rows_QF: Array) -> Array:
        found: Array = 1 / count + np.einsum("qf,fg,qg->q", rows_QF, inverse_FF, rows_QF)
        return found

    usual = float(leverage(rows_NF).max())
    return lambda row: float(np.sqrt(max((1 + leverage(row)[0]) / (1 + usual), 1.0)))


def _standard(table_NF: Array) -> tuple[Array, Array]:
    if not table_NF.size:
        empty = np.zeros(table_NF.shape[1])
        return empty, empty
    return np.nanmean(table_NF, axis=0), np.nanstd(table_NF, axis=0)


def _target(pairs: Sequence[Pair], axis: Axis, level: int) -> tuple[Array, Array]:
    """Return which pairs have the axis, and its number there: a position, or 1 for the level."""
    has_N = np.asarray([axis.name in pair.target for pair in pairs])
    if axis.ordered:
        numbers = [pair.target.get(axis.name, 0.5) for pair in pairs]
    else:
        taken = [level_of(pair.target.get(axis.name, 0.0), axis.levels or 1) for pair in pairs]
        numbers = [float(level == other) for other in taken]
    return has_N, np.asarray(numbers, dtype=float)


def _fitted(
    regression: str, rows_NF: Array, has_N: Array, values_N: Array
) -> Callable[[Array], tuple[Array, Array]]:
    """Return the prediction of one number; the mean where the regression has too few to go by."""
    mask = has_N.astype(bool)
    rows, values = rows_NF[mask], values_N[mask]
    if not len(values):  # nobody has this axis: its middle
        rows, values = np.zeros((1, rows_NF.shape[1])), np.asarray([0.5])
    known = REGRESSIONS[regression]
    enough = len(values) >= known.fewest(rows.shape[1]) and rows.shape[1] > 0
    constant = float(np.ptp(values)) <= CONSTANT
    return (known if enough and not constant else REGRESSIONS[MEAN]).fit(rows, values)


def _position(axis: Axis, found: Sequence[tuple[float, float]]) -> float:
    """Return where on the axis the numbers point, inside it."""
    if not axis.ordered:
        return middle_of(int(np.argmax([mean for mean, _ in found])), axis.levels or 1)
    return snapped(min(max(found[0][0], 0.0), 1.0), axis.levels)


def _candidates(pairs: Sequence[Pair]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what can be tried with so many pairs, when one is left out."""
    yield MEAN, ()
    for inputs, name in product(_inputs(pairs), REGRESSIONS):
        if name != MEAN and len(pairs) - 1 >= REGRESSIONS[name].fewest(_width(pairs, inputs)):
            yield name, inputs


def _untried(pairs: Sequence[Pair]) -> Iterator[Score]:
    """Yield what takes more pairs than there are."""
    for inputs, name in product(_inputs(pairs), REGRESSIONS):
        width = _width(pairs, inputs)
        fewest = REGRESSIONS[name].fewest(width) + 1
        if name != MEAN and len(pairs) < fewest:
            reason = f"{_count(len(pairs))}, {width} inputs: it takes {fewest} pairs"
            yield Score(regression=name, inputs=inputs, left_out=reason)


def _inputs(pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    """Return the groups of inputs that exist and add something."""
    widths: dict[int, tuple[str, ...]] = {}
    for inputs in INPUTS:
        widths.setdefault(_width(pairs, inputs), inputs)
    return [inputs for width, inputs in widths.items() if width > 0]


def _width(pairs: Sequence[Pair], inputs: Sequence[str]) -> int:
    """Return how many inputs differ between the pairs."""
    seen: dict[str, set[float]] = {}
    for pair in pairs:
        for name, value in pair.seen.numbers(inputs).items():
            seen.setdefault(name, set()).add(value)
    return sum(len(values) > 1 for values in seen.values())


def _left_out_predictions(
    pairs: Sequence[Pair], axes: Sequence[Axis], regression: str, inputs: tuple[str, ...]
) -> list[Prediction]:
    return [
        predictor([*pairs[:i], *pairs[i + 1 :]], axes, regression, inputs)(pair.seen)
        for i, pair in enumerate(pairs)
    ]


def _errors(found: Sequence[Prediction], pairs: Sequence[Pair], axes: Sequence[Axis]) -> Array:
    together = zip(found, pairs, strict=True)
    return np.asarray([squared_error(guess.cube, pair.target, axes) for guess, pair in together])


def squared_error(
    cube: Mapping[str, float], target: Mapping[str, float], axes: Sequence[Axis]
) -> float:
    """Return the mean squared distance over the target's axes; 1 for a wrong or missing choice."""
    parts = [
        (cube[axis.name] - target[axis.name]) ** 2
        if axis.ordered and axis.name in cube
        else float(cube.get(axis.name) != target[axis.name])
        for axis in axes
        if axis.name in target
    ]
    return float(np.mean(parts)) if parts else 0.0


def _spread(
    found: Sequence[Prediction], pairs: Sequence[Pair], axes: Sequence[Axis]
) -> Iterator[tuple[str, float]]:
    """Yield the root mean square of what was wrong, by ordered axis."""
    for axis in axes:
        missed = [
            prediction.cube[axis.name] - pair.target[axis.name]
            for prediction, pair in zip(found, pairs, strict=True)
            if axis.name in prediction.cube and axis.name in pair.target
        ]
        if axis.ordered:
            typical = float(np.sqrt(np.mean(np.square(missed)))) if missed else 0.5
            yield axis.name, max(typical, LEAST_SPREAD)


def _gain(errors: Array, base: Array) -> tuple[float, float]:
    gains = base - errors
    return float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))


def _score(key: tuple[str, tuple[str, ...]], errors: Array, base: Array) -> Score:
    gain, gain_error = _gain(errors, base)
    return Score(
        regression=key[0], inputs=key[1], error=float(errors.mean()), gain=gain,
        gain_error=gain_error,
    )  # fmt: skip


def _verdict(
    best: tuple[str, tuple[str, ...]], gain: float, gain_error: float, base: Array, pairs: int
) -> str:
    if float(base.mean()) <= CONSTANT:
        return f"every target is best at the same point in {_count(pairs)}: nothing to predict"
    name = f"{best[0]} of {' and '.join(best[1])}" if best[1] else best[0]
    share = f"{100 * gain / float(base.mean()):.0f} % less squared error than the mean"
    if gain > gain_error:
        return f"{name}: {share} on scenarios left out ({_count(pairs)})"
    return (
        f"no signal: of all regressions none beats the mean of {_count(pairs)} by more than its "
        f"standard error (best: {name}, {share})"
    )


def _count(pairs: int) -> str:
    return f"{pairs} pair{'s' if pairs != 1 else ''}"
