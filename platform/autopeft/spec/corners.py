"""What a template comes to at its ends: every branch is tried there, before any trial is.

Both ends of every distribution and every choice are validated, also together where they depend on
each other, so that a file that passes cannot meet a validation error in the middle of a sweep.
"""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from autopeft.spec.distribution import SECTIONS
from autopeft.spec.method import SIZES
from autopeft.spec.problems import Complaint, Path, complaints
from autopeft.spec.space import Dimension
from autopeft.spec.template import Branch, Searched, Template, Tree, inside, is_under, set_at
from autopeft.spec.trial import AnyTrial

MOST_CORNERS = 512


def check_values(template: Template, known_wrong: set[Path]) -> Iterator[Complaint]:
    """Validate a representative trial of every branch, then the corners of every section.

    Corners and not only ends: two values that are each right can be wrong together (two weights of
    which one may be 0).
    """
    seen: set[Complaint] = set()
    for branch in template.ways:
        base = {**template.section_trees(branch), "seed": 0}
        basic = set(_complaints(template.record, base, branch))
        for complaint in sorted(basic - seen, key=str):
            path = complaint[0]
            is_known = any(is_under(path, known) for known in known_wrong)
            if not is_known and (*path, "kind") not in known_wrong:
                yield complaint
        seen |= basic
        for corner in _corners(template, branch):
            trees = copy.deepcopy(base)
            for searched, value in corner:
                set_at(trees, inside(searched.path, branch) or (), value)
            for path, text in _complaints(template.record, trees, branch):
                if (path, text) not in seen:
                    seen.add((path, text))
                    yield _corner_path(path, corner), text


def all_off(template: Template) -> Iterator[Complaint]:
    """Yield the branches whose parts are off at every point: nothing would ever be trained."""
    for branch in template.branches:
        parts = branch.tree.get("parts")
        if not isinstance(parts, list) or not parts:
            continue
        top = (*branch.path, "parts")
        sizes: dict[int, list[Any]] = {
            index: [part[size] for size in SIZES if size in part]
            for index, part in enumerate(parts)
            if isinstance(part, dict)
        }
        for searched in template.searched:
            if is_under(searched.path, top) and searched.path[-1] in SIZES:
                sizes[int(searched.path[len(top)])] += _ends(searched.dimension)
        off = [found and all(size == 0 for size in found) for found in sizes.values()]
        if len(off) == len(parts) and all(off):
            yield (
                top,
                "every part is off (rank, width or block_size 0) in every configuration; give one "
                "part at least 1",
            )


def _corners(
    template: Template, branch: Branch | None
) -> Iterator[tuple[tuple[Searched, Any], ...]]:
    """Yield the combinations of ends within one section; method's fields do not know each other."""
    for section in SECTIONS:
        levels = [
            [(searched, value) for value in _ends(searched.dimension)]
            for searched in template.searched
            if searched.path[0] == section and inside(searched.path, branch) is not None
        ]
        if section == "method":
            yield from ((end,) for ends in levels for end in ends)
        elif levels:
            yield from itertools.islice(itertools.product(*levels), MOST_CORNERS)


def _corner_path(path: Path, corner: tuple[tuple[Searched, Any], ...]) -> Path:
    """Return where to complain: at the distribution, if the complaint is of the whole record."""
    paths = [searched.path for searched, _ in corner]
    return path if path in paths else next((p for p in paths if is_under(p, path)), path)


def _complaints(record: type[AnyTrial], trees: Tree, branch: Branch | None) -> Iterator[Complaint]:
    try:
        record.model_validate(trees)
    except ValidationError as error:
        for path, message in complaints(error, record):
            in_branch = branch is not None and path[:1] == ("method",)
            yield (branch.path + path[1:] if branch and in_branch else path), message


def _ends(dimension: Dimension) -> tuple[Any, ...]:
    if dimension.kind == "choice":
        return dimension.choices
    return (dimension.value(0.0), dimension.value(1.0))
