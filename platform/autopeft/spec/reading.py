"""From the raw sections of a search file to a template, or to everything that is wrong with them.

``read_template`` takes the raw ``task``, ``model``, ``method`` and ``training`` sections, as far as
the task has them, takes the distributions out, and judges what the rest comes to.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from autopeft.core.choices import known_words
from autopeft.spec.corners import all_off, check_values
from autopeft.spec.distribution import (
    SECTIONS,
    OneOf,
    Range,
    is_distribution,
    is_parameter,
    is_searchable,
    read_distribution,
)
from autopeft.spec.method import METHOD_RECORDS
from autopeft.spec.problems import (
    Complaint,
    Path,
    complaints,
    dotted,
    no_mapping,
    records_in,
    shown,
)
from autopeft.spec.record import scalar_types
from autopeft.spec.space import Dimension
from autopeft.spec.task import TASK_RECORDS
from autopeft.spec.template import Branch, Searched, Template, Tree
from autopeft.spec.trial import trial_record

DEFAULT_TASK = "contrastive"
KINDS = {"task": tuple(TASK_RECORDS), "method": tuple(METHOD_RECORDS)}

# A branch's name becomes part of its parameters' dotted paths.
BRANCH_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")


def read_template(sections: Mapping[str, Any]) -> tuple[Template | None, list[Complaint]]:
    """Read the four sections; return the template, or ``None`` and everything that is wrong.

    A section that is ``None`` is not there.
    """
    wrong: list[Complaint] = [
        ((name,), no_mapping(section, KINDS.get(name, ())))
        for name, section in sections.items()
        if section is not None and not isinstance(section, dict)
    ]
    if wrong:
        return None, wrong
    given: Tree = {name: sections.get(name) for name in SECTIONS}
    kind = str((given["task"] or {}).get("kind", DEFAULT_TASK))
    if kind not in TASK_RECORDS:
        return None, _of_unknown_task(kind, given)
    record = trial_record(kind)
    wrong += _foreign_sections(given, record, kind)
    trees, searched = _plain_trees(given, record, wrong)
    branches: tuple[Branch, ...] = ()
    if "method" in record.model_fields:
        branches, found = _plain_branches(given["method"] or {}, wrong)
        if not branches:
            return None, wrong
        trees["method"] = branches[0].tree
        searched += found
    template = Template(record, trees, branches, tuple(searched))
    wrong += all_off(template)
    wrong += check_values(template, {path for path, _ in wrong})
    return (None if wrong else template), wrong


def _of_unknown_task(kind: str, given: Tree) -> list[Complaint]:
    """Return what is wrong, judging all else by the task that was meant perhaps."""
    meant = meant_task(kind)
    _, others = read_template({**given, "task": {**given["task"], "kind": meant or DEFAULT_TASK}})
    words = known_words(kind, sorted(TASK_RECORDS))
    return [
        (("task", "kind"), f"no task named {kind!r}{words}"),
        *(complaint for complaint in others if meant or complaint[0][0] != "task"),
    ]


def meant_task(kind: object) -> str | None:
    """Return the kind of task that an unknown word was to name; ``None`` if none is near.

    Example:
        >>> meant_task("contrastiv")
        'contrastive'
    """
    near = get_close_matches(str(kind), TASK_RECORDS, n=1)
    return near[0] if near else None


def _foreign_sections(
    given: Mapping[str, Any], record: type[BaseModel], kind: str
) -> Iterator[Complaint]:
    """Yield the sections that a trial of this kind of task has not."""
    for name, section in given.items():
        if section is not None and name not in record.model_fields:
            yield (
                (name,),
                f"a {kind} task has no {name}; take it out (what is searched stands in "
                "task.parameters, the number of steps in task.steps)",
            )


def _plain_trees(
    given: Mapping[str, Any], record: type[BaseModel], wrong: list[Complaint]
) -> tuple[Tree, list[Searched]]:
    """Return the sections without ``method`` and their distributions."""
    trees: Tree = {}
    searched: list[Searched] = []
    for name in ("task", "model", "training"):
        if name in record.model_fields:
            tree = given[name] or {}
            fields = _record_of(record.model_fields[name].annotation, tree)
            trees[name], found = _plain(tree, (name,), fields, wrong)
            searched += [Searched(path, _named(d, dimension_name(path))) for path, d in found]
    return trees, searched


def _plain_branches(
    method: Tree, wrong: list[Complaint]
) -> tuple[tuple[Branch, ...], list[Searched]]:
    """Return the alternatives of ``method`` and the distributions of each."""
    branches = list(_branches(method, wrong))
    several = len(branches) > 1
    plain: list[Branch] = []
    searched: list[Searched] = []
    for level, branch in enumerate(branches):
        record = METHOD_RECORDS.get(str(branch.tree.get("kind")))
        tree, found = _plain(branch.tree, branch.path, record, wrong)
        plain.append(Branch(branch.name, tree, branch.path))
        for path, dimension in found:
            relative = dotted(path[len(branch.path) :])
            full = f"method.{branch.name}.{relative}" if several else f"method.{relative}"
            when = ("method", level) if several else None
            searched.append(Searched(path, _named(dimension, full, when)))
    return tuple(plain), searched


def dimension_name(path: Path) -> str:
    """Return what a distribution outside of ``method`` is called: a parameter by its own name.

    Example:
        >>> dimension_name(("training", "weight_decay"))
        'training.weight_decay'
        >>> dimension_name(("task", "parameters", "x"))
        'x'
    """
    return str(path[-1]) if is_parameter(path) else dotted(path)


def _branches(method: Tree, wrong: list[Complaint]) -> Iterator[Branch]:
    """Yield the alternatives of ``method``; complain about names that stand twice."""
    if "any_of" not in method:
        yield _branch(method, ("method",), wrong)
        return
    for key in method.keys() - {"any_of"}:
        wrong.append((("method", key), "any_of stands alone; move this key into the branches"))
    alternatives = method["any_of"]
    if not isinstance(alternatives, list) or not alternatives:
        wrong.append((("method", "any_of"), "found no list of methods; write - kind: lora …"))
        return
    seen: set[str] = set()
    for index, tree in enumerate(alternatives):
        path = ("method", "any_of", index)
        if not isinstance(tree, dict):
            wrong.append((path, no_mapping(tree, KINDS["method"])))
            continue
        branch = _branch(tree, path, wrong)
        if branch.name in seen:
            # at the name, which says nothing of what else stands in the branch
            same = f"two branches are named {branch.name!r}; give one a name: …"
            wrong.append(((*path, "name"), same))
        seen.add(branch.name)
        yield branch


def _branch(tree: Tree, path: Path, wrong: list[Complaint]) -> Branch:
    tree = dict(tree)
    if "parts" in tree:
        tree.setdefault("kind", "parts")
    if "kind" not in tree:
        wrong.append((path, "no kind given; write e.g. kind: lora, or any_of, or parts"))
    name = tree.pop("name", None)
    if name is not None and not (isinstance(name, str) and BRANCH_NAME.fullmatch(name)):
        wrong.append(
            (
                (*path, "name"),
                f"found {shown(name)}; a word such as small_lora, of at most 60 letters, would be "
                "right",
            )
        )
    return Branch(str(name or tree.get("kind", "?")), tree, path)


def _plain(
    node: Any, path: Path, record: type[BaseModel] | None, wrong: list[Complaint]
) -> tuple[Any, list[tuple[Path, Dimension]]]:
    """Replace every distribution below ``node`` by a representative value; collect them."""
    found: list[tuple[Path, Dimension]] = []
    if isinstance(node, list):
        plain_list = []
        for index, item in enumerate(node):
            kind = METHOD_RECORDS.get(str(item.get("kind"))) if isinstance(item, dict) else None
            plain, below = _plain(item, (*path, index), kind, wrong)
            plain_list.append(plain)
            found += below
        return plain_list, found
    if not isinstance(node, dict):
        return node, found
    plain_dict: Tree = {}
    for key, value in node.items():
        here = (*path, key)
        annotation = (
            record.model_fields[key].annotation if record and key in record.model_fields else None
        )
        if value == "search" and record is not None and key in record.model_fields:
            value = _default_range(record, key, here, wrong)
            if value is None:
                continue
        if is_distribution(value):
            dimension = _dimension(value, key, here, annotation, wrong)
            if dimension is None:
                if is_parameter(here):  # it has been complained of; that it lacks would be too much
                    plain_dict[key] = 0
                continue
            plain_dict[key] = dimension.value(0.0)
            found.append((here, dimension))
        else:
            plain_dict[key], below = _plain(value, here, _record_of(annotation, value), wrong)
            found += below
    return plain_dict, found


def _default_range(
    record: type[BaseModel], key: str, path: Path, wrong: list[Complaint]
) -> Tree | None:
    """Return what the word ``search`` stands for; complain where there is no such range."""
    ranges: dict[str, Tree] = getattr(record, "search_ranges", {})
    if key not in ranges:
        known = f"; it stands for a range in {', '.join(sorted(ranges))}" if ranges else ""
        wrong.append(
            (path, f"{key} has no default range{known}; write {{low: …, high: …}} or one_of")
        )
    return ranges.get(key)


def _dimension(
    value: Tree, key: str, path: Path, annotation: Any, wrong: list[Complaint]
) -> Dimension | None:
    if not is_searchable(path):
        wrong.append(
            (path, f"{key} is not searched (it is the same for all trials): write one value")
        )
        return None
    try:
        distribution = read_distribution(value)
    except ValidationError as error:
        record = OneOf if "one_of" in value else Range
        wrong += [((*path, *below), text) for below, text in complaints(error, record)]
        return None
    if isinstance(distribution, OneOf):
        return Dimension(
            dotted(path), "choice", choices=distribution.one_of, ordered=distribution.is_ordered
        )
    whole = int in scalar_types(annotation) and float not in scalar_types(annotation)
    integer = whole or distribution.integer
    if integer and not distribution.is_whole:
        wrong.append(
            (
                path,
                f"{key} is a whole number; low {distribution.low:g}, high "
                f"{distribution.high:g} and step must be whole",
            )
        )
        return None
    if annotation is not None and not scalar_types(annotation) & {int, float}:
        wrong.append((path, f"{key} is not a number; write {{one_of: […]}}"))
        return None
    return Dimension(
        dotted(path),
        "int" if integer else "float",
        low=distribution.low,
        high=distribution.high,
        log=distribution.log,
        step=distribution.step,
    )


def _named(dimension: Dimension, name: str, when: tuple[str, int] | None = None) -> Dimension:
    return Dimension(
        name, dimension.kind, dimension.low, dimension.high, dimension.log, dimension.step,
        dimension.choices, dimension.ordered, when,
    )  # fmt: skip


def _record_of(annotation: Any, node: Any) -> type[BaseModel] | None:
    """Return the record that describes ``node``; of several, the one whose kind it names."""
    members = list(records_in(annotation))
    if len(members) < 2:
        return next(iter(members), None)
    kind = node.get("kind") if isinstance(node, dict) else None
    return next((r for r in members if r.model_fields["kind"].default == kind), None)
