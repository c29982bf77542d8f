"""``python -m autopeft.benchmarks [PART]``: measure and print; without a part, all of them."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from autopeft.benchmarks import page
from autopeft.benchmarks.parts import PARTS, How, Say
from autopeft.benchmarks.tables import Table
from autopeft.core.errors import AutopeftError


def main(words: Sequence[str] | None = None) -> int:
    """Run the parts asked for; stdout is the tables, stderr the progress."""
    asked = _arguments(words)
    parts = tuple(PARTS) if asked.part == "all" else (asked.part,)
    errors = Console(stderr=True, highlight=False)
    facts = page.machine()
    tables: list[Table] = []
    try:
        with tempfile.TemporaryDirectory(prefix="apbench-", dir="/tmp") as folder:
            for table in _measure(parts, Path(folder), asked, errors.print):
                tables.append(table)
                if not asked.json:
                    _show(table)
                if asked.out is not None:
                    page.rewrite(asked.out, [table], facts)
    except AutopeftError as error:
        errors.print(str(error), markup=False)
        return 1
    if asked.json:
        print(json.dumps({**facts, "tables": [table.as_dict() for table in tables]}, indent=2))
    else:
        print(page.machine_line(facts))
    return 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m autopeft.benchmarks",
        description="example: python -m autopeft.benchmarks all --out docs/reference/benchmarks.md",
    )
    parser.add_argument("part", nargs="?", default="all", choices=(*PARTS, "all"))
    parser.add_argument("--quick", action="store_true", help="few trials, one round: a smoke test")
    parser.add_argument("--rounds", type=int, help="how often each side runs")
    parser.add_argument("--json", action="store_true", help="every round's figures, for programs")
    parser.add_argument("--out", type=Path, help="the page whose tables are rewritten")
    return parser.parse_args(words)


def _measure(
    parts: Sequence[str], folder: Path, asked: argparse.Namespace, say: Say
) -> Iterator[Table]:
    rounds: int = asked.rounds or (1 if asked.quick else 3)
    for number, name in enumerate(parts):
        needs = PARTS[name].needs
        if len(parts) > 1 and needs is not None and not needs.exists():
            say(f"{name}: left out, since {needs} was not made yet")
            continue
        own = folder / str(number)  # sockets below it have paths of at most 107 bytes
        yield from PARTS[name].tables(How(own, rounds, asked.quick, say))


def _show(table: Table) -> None:
    grid = Grid(*table.columns, title=table.title, title_justify="left")
    for row in table.rows:
        grid.add_row(*(cell.replace("**", "") for cell in row))
    console = Console(highlight=False)
    console.print(grid)
    for line in (*(target.sentence for target in table.targets), *table.notes):
        console.print(f"  {line}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
