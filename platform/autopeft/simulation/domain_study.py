"""Whether recorded domains differ in what is best on them, and how good a bridge's one shot is.

A configuration is chosen by its validation accuracy and judged by its test accuracy, which nothing
was chosen by: so luck on one split cannot look like a difference between domains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopeft.core.seeds import derive_seed
from autopeft.simulation.recorded import Recorded, Recording

# A difference counts as seen if it is larger than so many of its standard errors.
SIGMAS = 2.0
RANDOM_TRIALS = 30
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Scores:
    """The same configurations on every domain.

    Attributes:
        names: Of the domains (D).
        validation: Accuracy (D, K) of K configurations.
        test: As ``validation``, on the test split.
        clips: Test clips of each domain (D); the standard error of an accuracy follows from them.
    """

    names: tuple[str, ...]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    clips: NDArray[np.float64]

    @property
    def best(self) -> NDArray[np.int64]:
        """Which configuration (D) is best on each domain, by validation."""
        return np.asarray(self.validation.argmax(axis=1), dtype=np.int64)


def scores_of(targets: Mapping[str, Recorded], clips: Mapping[str, float]) -> Scores:
    """Return the last scores of the configurations that every domain has.

    Args:
        targets: The recorded target of each domain.
        clips: How many test clips each has.
    """
    tables = {n: {_key(r): r for r in target.recordings} for n, target in targets.items()}
    common = [key for key in next(iter(tables.values())) if all(key in t for t in tables.values())]
    rows = [[table[key] for key in common] for table in tables.values()]
    validation = np.asarray([[r.validation[:, -1].mean() for r in row] for row in rows])
    test = np.asarray([[r.test[:, -1].mean() for r in row] for row in rows])
    return Scores(tuple(tables), validation, test, np.asarray([clips[n] for n in tables]))


def borrowed(scores: Scores) -> NDArray[np.float64]:
    """Return what domain d loses in test accuracy with domain e's best, (D, D); 0 for its own.

    Negative where another domain's best happens to be better here.
    """
    own_D = scores.test[np.arange(len(scores.names)), scores.best]
    return np.asarray(own_D[:, None] - scores.test[:, scores.best])


def noise(scores: Scores) -> NDArray[np.float64]:
    """Return the standard error (D, D) of ``borrowed``, as if both were scored on other clips.

    They are scored on the same, so the true error is smaller.
    """
    own_D = scores.test[np.arange(len(scores.names)), scores.best]
    other_DD = scores.test[:, scores.best]
    variance_DD = own_D[:, None] * (1 - own_D[:, None]) + other_DD * (1 - other_DD)
    return np.asarray(np.sqrt(variance_DD / scores.clips[:, None]))


def one_for_all(scores: Scores) -> NDArray[np.float64]:
    """Return what each domain (D) loses in test accuracy with the best one for all the others.

    That is the configuration with the highest mean of validation accuracy over the other domains.
    """
    size = len(scores.names)
    lost = np.empty(size)
    for held_out in range(size):
        others = np.arange(size) != held_out
        shared = int(scores.validation[others].mean(axis=0).argmax())
        lost[held_out] = (
            scores.test[held_out, scores.best[held_out]] - scores.test[held_out, shared]
        )
    return lost


def interval(
    values: Sequence[float] | NDArray[np.float64], *, seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean over domains and its 95 % bootstrap interval."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(np.asarray(values), (DRAWS, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(np.mean(values)), float(low), float(high)


def random_optimum(target: Recorded, *, repetition: int, name: str) -> float:
    """Return the least loss of 30 configurations drawn without replacement."""
    losses = np.asarray([loss for _, loss in target.trials()])
    rng = np.random.default_rng(derive_seed(repetition, name, "random search"))
    count = min(RANDOM_TRIALS, len(losses))
    return float(rng.choice(losses, count, replace=False).min())


def _key(recording: Recording) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(recording.cube.items()))
