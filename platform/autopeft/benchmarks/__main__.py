"""``python -m autopeft.benchmarks [PART]``: measure and print; without a part, all of them."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from autopeft.benchmarks import (
    bridges,
    busy,
    domains,
    driver,
    gpu,
    page,
    pauses,
    searchers,
    stalls,
    traffic,
    warm,
    workers,
)
from autopeft.benchmarks.tables import Table
from autopeft.core.errors import AutopeftError

PARTS = (
    "driver",
    "warm",
    "tracking",
    "slots",
    "workers",
    "bbob",
    "choice",
    "recorded",
    "pauses",
    "bridge",
    "domains",
    "traffic",
    "gpu",
)
RAW = Path("tests/data")
Say = Callable[[str], None]


def main(words: Sequence[str] | None = None) -> int:
    """Run the parts asked for; stdout is the tables, stderr the progress."""
    asked = _arguments(words)
    parts = PARTS if asked.part == "all" else (asked.part,)
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
    quick: bool = asked.quick
    rounds: int = asked.rounds or (1 if quick else 3)
    if "driver" in parts:
        yield driver.measure(
            folder / "d", rounds=rounds, trials=1 if quick else 40, reports=1, say=say
        )
    if "warm" in parts:
        yield warm.measure(
            folder / "w", rounds=rounds, trials=1 if quick else 24, quick=quick, say=say
        )
    if "tracking" in parts:
        yield stalls.measure(
            folder / "t",
            rounds=rounds,
            reports=50 if quick else 1000,
            per_second=1000 if quick else 100,
            say=say,
        )
    if "slots" in parts:
        lengths = (50,) if quick else busy.MILLISECONDS
        yield busy.measure(
            folder / "s", rounds=rounds, trials=4 if quick else 60, milliseconds=lengths, say=say
        )
    if "workers" in parts:
        yield workers.workers(quick=quick, say=say)
    if "pauses" in parts:
        yield pauses.pauses(quick=quick, say=say)
    made = {
        "bbob": searchers.bbob,
        "choice": searchers.choice,
        "recorded": searchers.recorded,
        "bridge": bridges.bridge,
        "traffic": traffic.traffic,
    }
    for part, table in made.items():
        raw = RAW / f"{part}_results.parquet"
        if part in parts and len(parts) > 1 and not raw.exists():
            say(f"{part}: no table, since {raw} was not made yet")
        elif part in parts:
            yield table(raw)
    folder = RAW / "peft_domains"
    if "domains" in parts and len(parts) > 1 and not folder.exists():
        say(f"domains: no tables, since {folder} was not made yet")
    elif "domains" in parts:
        yield from domains.tables(folder, RAW / "domains_results.parquet")
    if "gpu" in parts and len(parts) > 1 and not (RAW / gpu.METHODS).exists():
        say(f"gpu: no tables, since {RAW / gpu.METHODS} was not made yet")
    elif "gpu" in parts:
        yield from gpu.tables(RAW)


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
