"""What the trials of a branch cost, learnt while they end.

A branch of which little is known costs about what those cost that share its first choices, and at
last what all trials cost: a mean in which that belief weighs as much as ``BELIEF`` trials.
"""

from collections.abc import Sequence
from typing import Any

from autopeft.searchers.branches import Branch, branch_of, splitting_axes
from autopeft.spec.space import Axis, Cube

BELIEF = 2.0


class Costs:
    """Mean seconds of a trial by branch; ``note`` takes every outcome that says how long it took.

    Args:
        axes: The space's.
    """

    def __init__(self, axes: Sequence[Axis]) -> None:
        self._axes, self._splitting = axes, splitting_axes(axes)
        self._spent: dict[Branch, tuple[int, float]] = {}
        self._seen: set[Branch] = set()

    def note(self, cube: Cube, seconds: float | None, *, before: float | None = None) -> None:
        """Learn how long a trial took; nothing, if that is not known.

        Args:
            cube: The trial's point.
            seconds: What it took.
            before: What had been noted of the same trial when it paused, if it did.
        """
        took, noted = _time(seconds), _time(before)
        if not took:
            return
        branch = self.branch(cube)
        self._seen.add(branch)
        for length in range(len(branch) + 1):
            count, spent = self._spent.get(branch[:length], (0, 0.0))
            self._spent[branch[:length]] = (count + (not noted), spent + took - noted)

    def branch(self, cube: Cube) -> Branch:
        """Return the branch that a point lies in."""
        return branch_of(self._axes, self._splitting, cube)

    def relative(self, branch: Branch) -> float:
        """Return a trial's expected cost in units of the mean over all; 1 if nothing is known."""
        count, spent = self._spent.get((), (0, 0.0))
        return self._expected(branch) / (spent / count) if count else 1.0

    def share(self, branch: Branch) -> float:
        """Return what the cheapest branch costs over what this one does: 1 at most."""
        if not self._seen:
            return 1.0
        return min(min(map(self._expected, self._seen)) / self._expected(branch), 1.0)

    def _expected(self, branch: Branch) -> float:
        count, spent = self._spent.get(branch, (0, 0.0))
        if not branch:
            return spent / count
        return (spent + BELIEF * self._expected(branch[:-1])) / (count + BELIEF)

    def state(self) -> list[Any]:
        """Return everything, as JSON."""
        return [
            [list(branch), *spent, branch in self._seen] for branch, spent in self._spent.items()
        ]

    def load(self, state: Sequence[Sequence[Any]]) -> None:
        """Know what ``state`` knew."""
        for data, count, spent, seen in state:
            branch = tuple((str(name), int(level)) for name, level in data)
            self._spent[branch] = (count, spent)
            if seen:
                self._seen.add(branch)


def _time(seconds: float | None) -> float:
    """Return the seconds; 0 where they are not known."""
    return seconds if seconds is not None and seconds > 0 else 0.0
