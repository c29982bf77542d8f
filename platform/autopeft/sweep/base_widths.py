"""Adapters too large for every base a sweep may take, as far as its config.json tells."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autopeft.core.errors import Problem
from autopeft.core.places import PACKAGE
from autopeft.spec.method import METHOD_RECORDS, LowRank, Oft
from autopeft.spec.model import SHIPPED
from autopeft.spec.problems import Path as TreePath
from autopeft.spec.sweep import Sweep
from autopeft.spec.template import Tree

# Parts of a config.json's keys that hold widths, or what is smaller than one; and of those that
# hold neither.
WIDTHS, OTHERS = ("size", "dim", "d_model"), ("vocab", "position")
# A linear's width is a width of the config times a small power of two (the stages of a Swin).
STAGES = 2**6


def beyond_widths(sweep: Sweep, bases: Sequence[str]) -> Iterator[Problem]:
    """Yield the ranks and block sizes with which every configuration of a branch is refused.

    Nothing is said where the widths of one of the ``bases`` are not known: of a Hub id.
    """
    known = [_widths(base) for base in bases]
    widths = sorted(set().union(*known))
    if not all(known) or not widths:
        return
    for branch in sweep.template.branches:
        for path, tree in _methods(branch.path, branch.tree):
            record = METHOD_RECORDS.get(str(tree.get("kind")))
            if record is None:
                continue
            if issubclass(record, LowRank):
                ranks = _values(sweep, (*path, "rank"), tree.get("rank", 0))
                if min(ranks) > widths[-1]:
                    yield sweep.problem(
                        (*path, "rank"),
                        f"{min(ranks)} is above every width of the base (at most {widths[-1]}), so "
                        "every such trial is refused",
                    )
            elif issubclass(record, Oft):
                sizes = _values(sweep, (*path, "block_size"), tree.get("block_size", 0))
                if not any(size == 0 or _divides(size, widths) for size in sizes):
                    yield sweep.problem(
                        (*path, "block_size"),
                        f"{', '.join(map(str, sizes))} divides no width of the base (such as "
                        f"{widths[-1]}), so every such trial is refused",
                    )


def _divides(size: int, widths: Sequence[int]) -> bool:
    return any(width * STAGES % size == 0 for width in widths)


def _methods(path: TreePath, tree: Tree) -> Iterator[tuple[TreePath, Tree]]:
    """Yield a branch's method, or its parts one by one, each by its path in the file."""
    if "parts" not in tree:
        yield path, tree
        return
    for index, part in enumerate(tree["parts"]):
        yield (*path, "parts", index), part


def _values(sweep: Sweep, path: TreePath, written: int) -> Sequence[int]:
    """Return what may stand at ``path``; of a range that is searched, everything in it."""
    for searched in sweep.template.searched:
        if searched.path == path:
            dimension = searched.dimension
            if dimension.kind == "choice":
                return [int(str(choice)) for choice in dimension.choices]
            return range(int(dimension.low), int(dimension.high) + 1)
    return [written]


def _widths(base: str) -> set[int]:
    """Return the widths that a base's config.json names; nothing if some are left to a default."""
    shipped = PACKAGE / "models" / base.rpartition("/")[2].replace("-", "_")
    folder = shipped if base in SHIPPED else Path(base)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(config, dict):
        return set()
    halves = [config, *(value for key, value in config.items() if key.endswith("_config"))]
    whole = all(isinstance(half, dict) and "hidden_size" in half for half in halves)
    return set(_named(config)) if whole else set()


def _named(config: Mapping[str, Any]) -> Iterator[int]:
    for key, value in config.items():
        if isinstance(value, dict):
            if key.endswith("_config"):
                yield from _named(value)
        elif any(word in key for word in WIDTHS) and not any(word in key for word in OTHERS):
            yield from (
                item
                for item in (value if isinstance(value, list) else [value])
                if isinstance(item, int) and item > 0
            )
