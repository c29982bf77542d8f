"""What did well where the proxy looked alike: what a bridge has beside its prediction.

A portfolio as in ``bridge.portfolio``, in which past scenarios count the more the more their
proxy's response resembles the new one's. So what is learnt is not only where the optimum lies,
which a regression of a few pairs may tell badly, but the whole response. The prediction has its
trial before: what it lost in each past scenario, when that was left out, is where the portfolio
begins. Where it lost little, nothing has to be added.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from autopeft.bridge.past import PastRun, Trials, distinct
from autopeft.bridge.portfolio import greedy, losses_at
from autopeft.core.seeds import derive_seed
from autopeft.spec.record import Record
from autopeft.spec.space import Axis, Cube

# A scenario whose proxy ranks the points as the new one's does counts e⁵ times as much as one that
# knows nothing of them. The best of 0, 5 and 10 on recorded domains (decision 13).
SHARPNESS = 5.0
# A prediction hits if it is expected to lose at most so much of the way from a target's best to
# what is typical there. Where it hits, points of the past only cost trials.
HIT = 0.25


class Past(Record):
    """Both sweeps of a scenario that a bridge learnt from.

    Attributes:
        scenario: Its name.
        proxy: The proxy's trials.
        target: The target's.
        left_out: What was predicted for it by a bridge that had not seen it.
    """

    scenario: str
    proxy: Trials
    target: Trials
    left_out: dict[str, float]


@dataclass(frozen=True, slots=True)
class Beside:
    """What the past says of a prediction.

    Attributes:
        lost: What the prediction is expected to lose, as a share of the way from the target's best
            to what is typical there (0 to 1).
        points: What to try after it, the most promising first; nothing where it hits.
    """

    lost: float
    points: tuple[dict[str, float], ...]

    @property
    def hits(self) -> bool:
        """Whether the prediction can be built on."""
        return self.lost <= HIT


def beside(
    past: Sequence[Past],
    proxy: PastRun,
    *,
    proxy_axes: Sequence[Axis],
    axes: Sequence[Axis],
    count: int,
    seed: int,
) -> Beside:
    """Return how far a prediction is to be trusted, and what to try after it.

    Args:
        past: What the bridge learnt from.
        proxy: The proxy's trials on the new data.
        proxy_axes: What is searched of the proxy.
        axes: What is searched of the target.
        count: How many points at most.
        seed: Of the forests.
    """
    runs = [each.target.run(each.scenario) for each in past]
    weights_R = weights_of(proxy, [p.proxy.run(p.scenario) for p in past], proxy_axes, seed=seed)
    candidates = distinct(runs)
    losses_RC = np.stack(
        [
            losses_at(run, [*candidates, each.left_out], axes, seed=derive_seed(seed, run.name))
            for run, each in zip(runs, past, strict=True)
        ]
    )
    lost = float(np.average(losses_RC[:, -1], weights=weights_R))
    chosen = greedy(losses_RC[:, :-1], count, weights_R=weights_R, known_R=losses_RC[:, -1])
    return Beside(lost, () if lost <= HIT else tuple(candidates[index] for index in chosen))


def weights_of(
    proxy: PastRun, others: Sequence[PastRun], axes: Sequence[Axis], *, seed: int
) -> NDArray[np.float64]:
    """Return how much each past scenario counts; they sum to 1.

    Likeness is Spearman's rank correlation of both proxies' losses at the points of the new one;
    at those that the past one did not try, a forest of its trials speaks for it.
    """
    points: list[Cube] = [trial.cube for trial in proxy.trials]
    losses_T = np.asarray([trial.loss for trial in proxy.trials])
    alike = [
        _correlation(losses_T, losses_at(run, points, axes, seed=derive_seed(seed, run.name)))
        for run in others
    ]
    weights_R = np.exp(SHARPNESS * np.asarray(alike))
    return np.asarray(weights_R / weights_R.sum())


def _correlation(ours_T: NDArray[np.float64], theirs_T: NDArray[np.float64]) -> float:
    """Return the rank correlation; 0 where one side does not vary."""
    if len(ours_T) < 2 or np.ptp(ours_T) == 0 or np.ptp(theirs_T) == 0:
        return 0.0
    return float(spearmanr(ours_T, theirs_T).statistic)
