"""What is left of a search file without its mistakes, so that they hide no others."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from autopeft.spec.problems import Complaint, Path
from autopeft.spec.reading import DEFAULT_TASK, meant_task, read_template
from autopeft.spec.template import Template, Tree

# What stands in the place of a part that a trial cannot do without.
STAND_INS: Mapping[Path, Any] = {
    ("task",): {"data": {"kind": "procedural"}},
    ("task", "data"): {"kind": "procedural"},
    ("method",): {"kind": "lora"},
    # Too many for the steps, most often by default: with none the steps are right.
    ("training", "warmup_steps"): 0,
}
# Every round takes something out, or gives up; files of people need two or three.
MOST_ROUNDS = 12


class Mended(NamedTuple):
    """The searchable half of a file, wrong parts replaced by their defaults.

    Attributes:
        template: What the file would say.
        doubtful: What was replaced. Nothing that depends on it is to be complained of.
        found: What is wrong besides, and came to light only now.
    """

    template: Template
    doubtful: frozenset[Path]
    found: tuple[Complaint, ...]

    def is_sure(self, *needs: Path) -> bool:
        """Whether nothing that leads to, or lies in, one of ``needs`` was replaced."""
        return untouched(self.doubtful, *needs)


def mend(sections: Mapping[str, Any], wrong: Sequence[Complaint]) -> Mended | None:
    """Return the four sections without what is ``wrong``; ``None`` if that cannot be had.

    Args:
        sections: As ``read_template`` takes them.
        wrong: What it complained of.
    """
    tree: Tree = copy.deepcopy(dict(sections))
    task = tree.get("task")
    if isinstance(task, dict) and (meant := meant_task(task.get("kind", DEFAULT_TASK))):
        task["kind"] = meant
        wrong = [(path, text) for path, text in wrong if path != ("task", "kind")]
    doubtful: set[Path] = set()
    found: list[Complaint] = []
    for _ in range(MOST_ROUNDS):
        gone: list[Path] = []
        for path in _outermost(path for path, _ in wrong):
            if any(path[: len(top)] == top for top in gone):
                continue  # it went with the list around another mistake
            taken = _take_out(tree, path, doubtful)
            if not taken:
                return None
            doubtful.add(taken)
            gone.append(taken)
        template, wrong = read_template(tree)
        if template is not None:
            return Mended(template, frozenset(doubtful), tuple(found))
        # Only of sections that are whole, and as long as it is known which there are: elsewhere it
        # may come of what was taken out.
        spoiled = set(tree) if ("task",) in doubtful else {path[0] for path in doubtful}
        found += [complaint for complaint in wrong if complaint[0][0] not in spoiled]
    return None


def untouched(doubtful: Iterable[Path], *needs: Path) -> bool:
    """Whether none of the ``doubtful`` paths leads to, or lies in, one of ``needs``."""
    return not any(touch(path, need) for path in doubtful for need in needs)


def touch(path: Path, other: Path) -> bool:
    """Whether one path leads to, or through, the other.

    Example:
        >>> touch(("task",), ("task", "data")), touch(("task", "kind"), ("task", "data"))
        (True, False)
    """
    return all(step == other_step for step, other_step in zip(path, other, strict=False))


def _outermost(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths that lie in no other one."""
    chosen: list[Path] = []
    for path in sorted(paths, key=len):
        if not any(path[: len(top)] == top for top in chosen):
            chosen.append(path)
            yield path


def _take_out(tree: Tree, path: Path, doubtful: set[Path]) -> Path:
    """Take out what stands at ``path``, or the smallest part around it that can be; return which.

    An entry of a list goes with the whole list, so that the others keep their paths. Nothing left
    to be taken out is the empty path.
    """
    while path:
        parent = _parent(tree, path)
        if path not in doubtful and isinstance(parent, dict):
            if path in STAND_INS:
                parent[path[-1]] = copy.deepcopy(STAND_INS[path])
                return path
            if path[-1] in parent:
                del parent[path[-1]]
                return path
        path = path[:-1]
    return path


def _parent(tree: Tree, path: Path) -> Any:
    """Return what holds the last step of ``path``; ``None`` if there is no such place."""
    node: Any = tree
    for step in path[:-1]:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return None
    return node
