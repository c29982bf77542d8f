"""The reference pages, from the code: ``python -m autopeft.cli.reference docs/reference``.

Help of every verb, every key of a search file, every named choice. With ``--check`` nothing is
written: exit 1 and the first difference if a page is not what the code says.
"""

import argparse
import difflib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from autopeft.core.places import write_text
from autopeft.spec.data import Conditions, FolderData, ProceduralData, Split
from autopeft.spec.distribution import OneOf, Range
from autopeft.spec.method import METHOD_RECORDS
from autopeft.spec.model import Model
from autopeft.spec.objective import CommandTask, FunctionTask
from autopeft.spec.problems import records_in
from autopeft.spec.resources import Resources
from autopeft.spec.roles import LAYERS, ROLES
from autopeft.spec.scheduler import Patience, Scheduler
from autopeft.spec.search import Constraint, Search
from autopeft.spec.searcher import Searcher
from autopeft.spec.sweep import Settings
from autopeft.spec.task import BUILT_METRICS, LOOP_METRICS, METRICS, TASK_RECORDS, ContrastiveTask
from autopeft.spec.tracking import Tracking
from autopeft.spec.training import Training
from autopeft.spec.warm_start import WarmStart

WIDTH = 88
MADE = "<!-- Made by `make docs` (autopeft.cli.reference) from the code; do not edit. -->"
REMAKE = "run `make docs` and commit the result"


def kind_of(record: type[BaseModel]) -> str:
    """Return the word that a search file names a record by."""
    return str(record.model_fields["kind"].default)


# Heading -> the record behind it, in the order of a search file.
SECTIONS: Mapping[str, type[BaseModel]] = {
    "task: contrastive": ContrastiveTask,
    "task.data: procedural": ProceduralData,
    "task.data.conditions": Conditions,
    "task.data: folder": FolderData,
    "task.data.split": Split,
    "task: command": CommandTask,
    "task: function": FunctionTask,
    "model": Model,
    "training": Training,
    "search": Search,
    **{f"search.searcher: {kind_of(record)}": record for record in records_in(Searcher)},
    **{f"search.scheduler: {kind_of(record)}": record for record in records_in(Scheduler)},
    "search.patience": Patience,
    "search.constraints.METRIC": Constraint,
    **{f"search.warm_start: {kind_of(record)}": record for record in records_in(WarmStart)},
    "resources": Resources,
    "tracking": Tracking,
}
SCALARS = {int: "whole number", float: "number", str: "text", bool: "true or false"}
LIMITS = {"ge": "at least {:g}", "gt": "above {:g}", "le": "at most {:g}", "lt": "below {:g}"}


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    from autopeft.cli.cluster_page import cluster_page

    return {
        "cli.md": cli_page(),
        "search-file.md": file_page(),
        "choices.md": choices_page(),
        "clusters.md": cluster_page(),
    }


# The command line


def cli_page() -> str:
    """Return the help of every verb as it is printed, one heading each."""
    import typer

    from autopeft.cli.main import app

    lines = [MADE, "# The command line", "", "Exit codes: 0 done, 1 failed, 2 asked wrongly.", ""]
    for context in _contexts(typer.main.get_command(app), "autopeft"):
        text = context.command.get_help(context).replace("\b\n", "")
        text = textwrap.dedent("\n".join(line.rstrip() for line in text.splitlines())).strip("\n")
        lines += [f"## {context.command_path}", "", "```text", text, "```", ""]
    return "\n".join(lines)


def _contexts(command: Any, name: str, parent: Any = None) -> Iterator[Any]:
    """Yield a context of ``command`` and of every verb below it, as if each had been typed."""
    import typer

    context = typer.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, **command.context_settings
    )
    yield context
    for below_name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _contexts(below, below_name, context)


# The search file


def file_page() -> str:
    """Return every record and field of a search file: type, default, limits, description."""
    lines = [
        MADE,
        "# The search file",
        "",
        "Every key, its type, its default and its limits. A key without a default must be given.",
        "",
        "In `task`, `model`, `method` and `training` a [distribution](#distributions) may stand in",
        "the place of a value, except for `steps`, `report_every`, `kind` and all of `task.data`.",
        "The word `search` stands for a method's default range.",
        "",
        "A task that is a command or a function has neither `model` nor `method` nor `training`:",
        "what is searched stands in `task.parameters`, under names of your own. `search` begins",
        "with other defaults then: `objectives: {value: min}`, no baselines, no scheduler if it",
        "has one step, no retraining if it is told no seed.",
        "",
    ]
    lines += _section("The top level", Settings, skip=("search", "resources", "tracking"))
    for heading, record in SECTIONS.items():
        lines += _section(heading, record)
    lines += ["## method", ""]
    lines += [
        "One method (`kind: …`), a choice between several (`any_of: […]`, told apart by `kind` or",
        "by a `name`), or several at once (`parts: […]`). A rank, width or block size of 0",
        "switches a part off; a method that stands alone needs at least 1.",
        "",
    ]
    for kind, record in METHOD_RECORDS.items():
        lines += _section(f"method: {kind}", record)
    lines += ["## Distributions", ""]
    lines += [
        "| written | means |",
        "| --- | --- |",
        "| `{low: 1, high: 8}` | all numbers from 1 to 8, both included |",
        "| `{low: 1.0e-4, high: 1.0e-2, log: true}` | evenly on a logarithmic scale |",
        "| `{low: 8, high: 64, step: 8}` | a grid; not together with `log` |",
        "| `{low: 1, high: 64, integer: true}` | whole numbers |",
        "| `{one_of: [1, 2, 4]}` | a choice: ordered, since all are numbers |",
        "| `{one_of: [a, b]}` | a choice without an order, unless `ordered: true` |",
        "| `search` | the default range of the method's key |",
        "",
    ]
    for heading, record in (("A range", Range), ("A choice", OneOf)):
        lines += _section(heading, record)
    return "\n".join(lines)


def _section(heading: str, record: type[BaseModel], skip: Sequence[str] = ()) -> list[str]:
    lines, rows = [f"## {heading}", "", *description(record), ""], list[list[str]]()
    fields = {
        name: field for name, field in record.model_fields.items() if name not in (*skip, "kind")
    }
    ranges = getattr(record, "search_ranges", {})
    columns = ["key", "type", "default", "limits", *(["`search`"] if ranges else [])]
    for name, field in fields.items():
        cells = [f"`{name}`", _type(field), _default(field), _limits(field)]
        if ranges:
            cells.append(f"`{_flow(ranges[name])}`" if name in ranges else "")
        rows.append(cells)
    return [*lines, *table(columns, rows), ""] if rows else lines


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table, a line per row.

    Example:
        >>> table(["a", "b"], [["1", "2"]])
        ['| a | b |', '| --- | --- |', '| 1 | 2 |']
    """
    head = [columns, ["---"] * len(columns)]
    return [f"| {' | '.join(cells)} |" for cells in [*head, *rows]]


def description(record: Callable[..., Any]) -> list[str]:
    """Return a record's docstring as Markdown lines, without its sections.

    Example:
        >>> description(Resources)
        ['CPUs and GPUs of one trial; a fraction of a GPU lets trials share it.']
    """
    text = re.split(r"\n\n(?:Attributes|Args|Raises|Example):", inspect.getdoc(record) or "")[0]
    return text.replace("``", "`").splitlines()


def _type(field: FieldInfo) -> str:
    return " or ".join(dict.fromkeys(_words(field.annotation)))


def _words(annotation: Any) -> Iterator[str]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is NoneType:
        return
    if origin is Literal:
        yield ", ".join(f"`{value}`" for value in arguments)
    elif origin is Annotated:
        yield from _words(arguments[0])
    elif origin is tuple:
        yield f"list of {' or '.join(dict.fromkeys(_words(arguments[0])))}"
    elif origin is dict:
        anything = arguments[1] is Any
        yield "name: value" if anything else f"metric: {' or '.join(_words(arguments[1]))}"
    elif arguments:
        for argument in arguments:
            yield from _words(argument)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        yield f"`{kind.default}`" if kind else "mapping"
    else:
        yield SCALARS.get(annotation, "anything")


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "**required**"
    if isinstance(value, BaseModel):
        kind = getattr(value, "kind", None)
        return f"`{{kind: {kind}}}`" if kind else "as below"
    if value is None:
        return "–"
    if isinstance(value, dict):
        inside = ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items())
        return f"`{{{inside}}}`"
    return f"`{_scalar(value)}`"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _limits(field: FieldInfo) -> str:
    found = []
    for limit in field.metadata:
        for name, words in LIMITS.items():
            if getattr(limit, name, None) is not None:
                found.append(words.format(getattr(limit, name)))
        if getattr(limit, "min_length", None):
            found.append("not empty")
    return ", ".join(found)


def _flow(tree: Mapping[str, Any]) -> str:
    """Return a distribution as a user writes it.

    Example:
        >>> _flow({"low": 1e-4, "high": 0.02, "log": True})
        '{low: 0.0001, high: 0.02, log: true}'
    """
    items = [
        f"{key}: [{', '.join(map(_scalar, value))}]" if isinstance(value, list)
        else f"{key}: {_scalar(value)}"
        for key, value in tree.items()
    ]  # fmt: skip
    return f"{{{', '.join(items)}}}"


# The choices


def choices_page() -> str:
    """Return every named table: methods, searchers, schedulers, tasks, data, roles, layers."""
    from autopeft.bridge import WARM_STARTS
    from autopeft.data import DATA
    from autopeft.data.procedural import DOMAINS
    from autopeft.methods import METHODS
    from autopeft.schedulers import SCHEDULERS
    from autopeft.searchers import SEARCHERS
    from autopeft.tasks import TASKS
    from autopeft.trial.objectives import OBJECTIVES, load_objective

    lines = [
        MADE,
        "# The choices",
        "",
        "What can be called by name.",
        "",
        "## Methods",
        "",
        "The range is what `learning_rate: search` stands for.",
        "",
    ]
    columns = ["kind", "what it is", "default learning rate", "range"]
    lines += table(columns, [_method_row(kind) for kind in METHODS])
    named: list[tuple[str, Iterable[str], Mapping[str, type[BaseModel]]]] = [
        ("Searchers", SEARCHERS, {kind_of(r): r for r in records_in(Searcher)}),
        ("Schedulers", SCHEDULERS, {kind_of(r): r for r in records_in(Scheduler)}),
        ("Warm starts", WARM_STARTS, {kind_of(r): r for r in records_in(WarmStart)}),
        ("Tasks", {**TASKS, "command": "", "function": ""}, TASK_RECORDS),
        ("Data", DATA, {"procedural": ProceduralData, "folder": FolderData}),
    ]
    for heading, choices, known in named:
        lines += ["", f"## {heading}", ""]
        rows = [[f"`{kind}`", _sentence(known.get(kind))] for kind in choices]
        lines += table(["kind", "what it is"], rows)
    lines += [
        "",
        "## Objectives",
        "",
        "Functions that come with autopeft, for a function task.",
        "",
    ]
    lines += [f"- `{name}`: {_sentence(load_objective(name))}" for name in OBJECTIVES]
    lines += ["", "## Domains", "", "Where procedural sounds are heard (`task.data.domain`).", ""]
    lines += [f"- `{domain}`" for domain in DOMAINS]
    lines += ["", "## Roles", "", "What an adapter attaches to; join several with `+`.", ""]
    lines += [f"- `{role}`" for role in ROLES]
    lines += ["", "## Layers", "", "Which span of a tower's layers a role means.", ""]
    lines += [f"- `{span}`" for span in LAYERS]
    lines += ["", "## Metrics", ""]
    lines += ["What can be an objective or be bounded by a constraint.", ""]
    for task, metrics in METRICS.items():
        lines += [f"- task `{task}`: {', '.join(f'`{metric}`' for metric in metrics)}"]
    lines += [f"- every task: {', '.join(f'`{metric}`' for metric in LOOP_METRICS)}"]
    lines += [f"- constraints only: {', '.join(f'`{metric}`' for metric in BUILT_METRICS)}", ""]
    lines += ["`train_seconds` and `cpu_seconds` count from the trial's beginning.", ""]
    return "\n".join(lines)


def _method_row(kind: str) -> list[str]:
    record = METHOD_RECORDS.get(kind)
    rate = record.model_fields.get("learning_rate") if record else None
    span = getattr(record, "search_ranges", {}).get("learning_rate")
    default = f"{rate.default:g}" if rate else "–"
    shown = f"{span['low']:g} … {span['high']:g}" if span else "–"
    return [f"`{kind}`", _sentence(record), default, shown]


def _sentence(record: Callable[..., Any] | None) -> str:
    """Return the first paragraph of a record's or function's docstring in one line."""
    if record is None:
        return "from a plugin"
    lines = description(record)
    return " ".join(lines[: lines.index("")] if "" in lines else lines)


# Writing and checking


def main(words: Sequence[str] | None = None) -> int:
    """Write the pages, or with ``--check`` compare them; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.cli.reference")
    parser.add_argument("folder", type=Path, help="usually docs/reference")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    asked = parser.parse_args(words)
    folder: Path = asked.folder
    if asked.check:
        differing = [hint for name, text in pages().items() if (hint := _hint(folder / name, text))]
        for hint in differing:
            print(hint, file=sys.stderr)
        return 1 if differing else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        write_text(folder / name, text)
        print(folder / name)
    return 0


def _hint(path: Path, text: str) -> str:
    """Return where a page differs from what the code says, or nothing."""
    if not path.is_file():
        return f"{path}: missing; {REMAKE}"
    found = path.read_text(encoding="utf-8")
    if found == text:
        return ""
    changes = difflib.unified_diff(found.splitlines(), text.splitlines(), lineterm="", n=0)
    first = [line for line in changes if line[:1] in "+-" and line[:3] not in ("+++", "---")][:4]
    return "\n".join([f"{path}: not what the code says; {REMAKE}", *first])


if __name__ == "__main__":
    sys.exit(main())
