"""What a right prediction's trial may lose at most: beyond that, the prediction was wrong.

The target's best loss on new data is expected to be the mean of the pairs', or to follow the
proxy's best loss on a line, whichever misses less when a pair is left out. What predictions lose
beyond the best, with a scenario left out, comes on top.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from autopeft.bridge.pairs import Pair, Seen

Array = NDArray[np.float64]
# One right prediction in a thousand would be taken for a wrong one, were losses normal. They have
# long tails: at 0.99, a tenth of the right ones was.
CONFIDENCE = 0.999
FEWEST_FOR_A_LINE = 5


def loss_limit(pairs: Sequence[Pair], regret: tuple[float, float], seen: Seen) -> float:
    """Return the loss (to be minimised) that a prediction's trial stays below if it is right.

    Args:
        pairs: What the bridge was fitted to, three at least.
        regret: Mean and standard deviation of what predictions of left out scenarios lose.
        seen: The new data.
    """
    best_N = np.asarray([pair.loss for pair in pairs])
    expected, missed = float(best_N.mean()), _left_out_of_mean(best_N)
    cheap = [pair.seen.loss for pair in pairs]
    if seen.loss is not None and None not in cheap and len(pairs) >= FEWEST_FOR_A_LINE:
        cheap_N = np.asarray(cheap, dtype=float)
        along = _left_out_of_line(cheap_N, best_N)
        if along < missed:
            slope, start = np.polyfit(cheap_N, best_N, 1)
            expected, missed = float(start + slope * seen.loss), along
    lost, spread = regret
    count = len(pairs)
    wide = float(stats.t.ppf(CONFIDENCE, count - 1)) * np.sqrt(1 + 1 / count)
    return float(expected + lost + wide * np.hypot(missed, spread))


def _left_out_of_mean(best_N: Array) -> float:
    """Return the root mean square of what the mean of the others misses."""
    count = len(best_N)
    missed_N = (best_N - best_N.mean()) * count / (count - 1)
    return float(np.sqrt(np.mean(missed_N**2)))


def _left_out_of_line(cheap_N: Array, best_N: Array) -> float:
    """Return the same of a line through the others; infinite where they give none."""
    missed = []
    for index in range(len(best_N)):
        cheap, best = np.delete(cheap_N, index), np.delete(best_N, index)
        if np.ptp(cheap) <= 0:
            return float("inf")
        slope, start = np.polyfit(cheap, best, 1)
        missed.append(start + slope * cheap_N[index] - best_N[index])
    return float(np.sqrt(np.mean(np.square(missed))))
