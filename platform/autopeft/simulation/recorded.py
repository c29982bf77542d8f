"""The recorded benchmark: real curves of the tiny base, looked up instead of trained.

A point snaps to the nearest recorded configuration of its branch: the squared distance of the
numbers in the unit cube, and 1 for every unordered choice that differs. A search sees the
validation curve of one seed; it is judged by the mean over the seeds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autopeft.simulation.problem import Curve
from autopeft.spec.space import Axis, Cube

# The axes of a branch, and where the choices lie that make it one.
Branch: TypeAlias = tuple[tuple[str, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Recording:
    """One configuration: its point, curves by seed, and what they come to.

    Attributes:
        validation: Accuracy per seed (S) and report (R); NaN after a failure.
        test: As ``validation``, on the test split.
        step_seconds: CPU seconds of a training step.
        steps: Of the reports (R).
    """

    values: dict[str, object]
    cube: dict[str, float]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    step_seconds: float
    trainable_parameters: int
    steps: tuple[int, ...]


def read_recordings(path: Path) -> list[Recording]:
    """Return every configuration of a recording; those of which all seeds failed lack numbers."""
    return recordings_of(pd.read_parquet(path))


def recordings_of(table: pd.DataFrame) -> list[Recording]:
    """Return the configurations of a table as ``autopeft bench record`` writes it."""
    steps = sorted(table.loc[table["step"] > 0, "step"].unique())
    seeds = sorted(table["seed"].unique())
    found = []
    for _, rows in table.groupby("config", sort=True):
        first = rows.iloc[0]
        curves = {
            name: rows.pivot(index="seed", columns="step", values=name)
            .reindex(index=seeds, columns=steps)
            .to_numpy(dtype=float)
            for name in ("validation", "test")
        }
        found.append(
            Recording(
                json.loads(first["values"]),
                json.loads(first["cube"]),
                curves["validation"],
                curves["test"],
                float(rows["step_seconds"].median()),
                int(first["trainable_parameters"]),
                tuple(int(step) for step in steps),
            )
        )
    return found


class Recorded:
    """The recording as a problem; ``seed`` is the one whose curve a search sees.

    The loss is 1 - accuracy; ``truth`` the loss on validation in the mean over the seeds.
    """

    def __init__(self, recordings: Sequence[Recording], axes: Sequence[Axis], *, seed: int) -> None:
        self.axes = tuple(axes)
        self.recordings = [r for r in recordings if np.isfinite(r.validation[:, -1]).all()]
        self.steps: Sequence[int] = self.recordings[0].steps
        self._seed = seed
        self._is_unordered = {axis.name: not axis.ordered for axis in axes}
        self._parents = [a.name for a in axes if any(b.when and b.when[0] == a.name for b in axes)]
        self._branches: dict[Branch, list[Recording]] = {}
        for recording in self.recordings:
            self._branches.setdefault(self._branch(recording.cube), []).append(recording)
        self._places = {
            branch: np.asarray([[r.cube[name] for name in branch[0]] for r in found])
            for branch, found in self._branches.items()
        }

    @property
    def best(self) -> float:
        """The least loss there is, in the mean over the seeds."""
        return min(truth(recording) for recording in self.recordings)

    def trials(self) -> Iterator[tuple[Cube, float]]:
        """Yield every configuration's point and the loss a search would see there."""
        for recording in self.recordings:
            yield recording.cube, self.curve(recording.cube).losses[-1]

    def nearest(self, cube: Cube) -> Recording:
        """Return the recorded configuration that a point stands for."""
        branch = self._branch(cube)
        names = branch[0]
        apart_NA = self._places[branch] - np.asarray([cube[name] for name in names])
        unordered_A = np.asarray([self._is_unordered[name] for name in names])
        distance_N = np.where(unordered_A, np.abs(apart_NA) > 1e-9, apart_NA**2).sum(axis=1)
        return self._branches[branch][int(distance_N.argmin())]

    def curve(self, cube: Cube) -> Curve:
        """Return the recorded curve of the nearest configuration."""
        found = self.nearest(cube)
        losses = 1 - found.validation[self._seed]
        seconds = [self.steps[0] * found.step_seconds] * len(self.steps)
        return Curve(losses.tolist(), seconds, truth(found))

    def _branch(self, cube: Cube) -> Branch:
        names = tuple(axis.name for axis in self.axes if axis.name in cube)
        return names, tuple(round(cube[name], 9) for name in self._parents if name in cube)


def truth(recording: Recording) -> float:
    """Return the loss after the last step, in the mean over the seeds."""
    return 1 - float(np.mean(recording.validation[:, -1]))
