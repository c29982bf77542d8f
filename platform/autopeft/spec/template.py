"""A search file's searchable half: trees, what is searched in them, and a trial at given values."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autopeft.spec.problems import Path
from autopeft.spec.space import Dimension, Space, Values
from autopeft.spec.trial import AnyTrial

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Searched:
    """One distribution: where in the file it stands, and the dimension it makes."""

    path: Path
    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Branch:
    """One alternative of ``method``: its name, its tree and the file path of that tree."""

    name: str
    tree: Tree
    path: Path


@dataclass(frozen=True, slots=True)
class Template:
    """The searchable half of a sweep.

    Attributes:
        record: What a trial is.
        trees: The sections that a trial has, each with a representative value where a distribution
            stands; ``method`` is the first branch.
        branches: The alternatives of ``method``; one unless the file says ``any_of``, none where
            there is no method.
        searched: Every distribution, in the order of the file.
    """

    record: type[AnyTrial]
    trees: Tree
    branches: tuple[Branch, ...]
    searched: tuple[Searched, ...]

    @property
    def space(self) -> Space:
        """All dimensions; with several branches, the choice ``method`` comes first."""
        choice = (
            (Dimension("method", "choice", choices=self.branch_names, ordered=False),)
            if len(self.branches) > 1
            else ()
        )
        return Space(choice + tuple(searched.dimension for searched in self.searched))

    @property
    def branch_names(self) -> tuple[str, ...]:
        """The names of the alternatives of ``method``."""
        return tuple(branch.name for branch in self.branches)

    @property
    def ways(self) -> tuple[Branch | None, ...]:
        """What a trial can be: one of the branches, or ``None`` where there is no method."""
        return self.branches or (None,)

    def section_trees(self, branch: Branch | None) -> Tree:
        """Return a copy of all sections, with this branch as the method."""
        return copy.deepcopy(self.trees | ({"method": branch.tree} if branch else {}))

    def trial(self, values: Values, *, seed: int) -> AnyTrial:
        """Return the concrete trial at ``values`` (dimension name to value)."""
        return self.record.model_validate({**self.trees_at(values), "seed": seed})

    def trees_at(self, values: Values) -> Tree:
        """Return the sections at ``values``, as they would be written without a search."""
        branch = self.branch_at(values)
        trees = self.section_trees(branch)
        for path, dimension in self.searched_in(branch):
            if dimension.name in values:
                set_at(trees, path, values[dimension.name])
        return trees

    def written_out(self, branch: Branch | None) -> Tree:
        """Return all sections with every default, and every distribution in full."""
        written = self.section_trees(branch)
        trial = self.record.model_validate({**written, "seed": 0})
        trees: Tree = _in_order_of(written, trial.model_dump(mode="json", exclude={"seed"}))
        for path, dimension in self.searched_in(branch):
            set_at(trees, path, dimension.as_written())
        return trees

    def branch_at(self, values: Values) -> Branch | None:
        """Return the alternative of ``method`` that ``values`` take, if there is a method."""
        name = values.get("method")
        named = [b for b in self.branches if len(self.branches) == 1 or b.name == name]
        return (named or self.ways)[0]

    def searched_in(self, branch: Branch | None) -> Iterator[tuple[Path, Dimension]]:
        """Yield what is searched where ``branch`` is taken, by its path in a trial's sections."""
        for searched in self.searched:
            relative = inside(searched.path, branch)
            if relative is not None:
                yield relative, searched.dimension


def inside(path: Path, branch: Branch | None) -> Path | None:
    """Return ``path`` within the trial's trees, or ``None`` if it lies in another branch."""
    if path[0] != "method" or branch is None:
        return path
    if path[: len(branch.path)] != branch.path:
        return None
    return ("method", *path[len(branch.path) :])


def is_under(path: Path, top: Path) -> bool:
    """Return whether ``path`` is ``top`` or lies below it."""
    return path[: len(top)] == top


def set_at(tree: Any, path: Path, value: Any) -> None:
    """Put a value into nested dicts and lists, in place."""
    for step in path[:-1]:
        tree = tree[step]
    tree[path[-1]] = value


def _in_order_of(written: Any, whole: Any) -> Any:
    """Return ``whole`` with what was written first, as it was: dimensions keep their order."""
    if isinstance(written, dict) and isinstance(whole, dict):
        first = {key: _in_order_of(written[key], whole[key]) for key in written if key in whole}
        return {**first, **{key: value for key, value in whole.items() if key not in first}}
    if isinstance(written, list) and isinstance(whole, list):
        return [_in_order_of(*pair) for pair in zip(written, whole, strict=True)]
    return whole
