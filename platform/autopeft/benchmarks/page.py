"""The page of the last measurement: tables between markers, everything else written by hand."""

import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path

from autopeft.benchmarks.tables import Table
from autopeft.core.errors import InputError
from autopeft.core.places import write_text

NAMED = ("autopeft", "ray", "torch", "transformers", "peft", "optuna", "mlflow")


def machine() -> dict[str, str]:
    """Return where and with what is measured; the load tells how busy the machine was."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in NAMED)
    cores = len(os.sched_getaffinity(0))
    return {
        "machine": f"{cores} cores of {_processor()}, {_memory_gb():.0f} GB, {platform.system()}",
        "versions": f"Python {platform.python_version()}, {versions}",
        "load before": f"{os.getloadavg()[0]:.1f} over the last minute",
        "date": time.strftime("%Y-%m-%d"),
    }


def machine_line(facts: dict[str, str]) -> str:
    """Return the facts in one line."""
    return "; ".join(f"{name}: {fact}" for name, fact in facts.items())


def rewrite(page: Path, tables: Sequence[Table], facts: dict[str, str]) -> None:
    """Put each table between its markers on ``page``.

    Raises:
        InputError: The page or a pair of markers is missing.
    """
    if not page.is_file():
        raise InputError(f"{page}: no such page; it is written by hand around the markers")
    text = page.read_text(encoding="utf-8")
    for table in tables:
        text = replaced(text, table, facts)
    write_text(page, text)


def replaced(text: str, table: Table, facts: dict[str, str]) -> str:
    """Return ``text`` with the table between its markers in the place of what stood there.

    Raises:
        InputError: The markers are missing.
    """
    begin, end = (f"<!-- bench {table.name} {edge} -->" for edge in ("begin", "end"))
    block = f"{begin}\n\n{table.markdown()}- {machine_line(facts)}\n\n{end}"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise InputError(f"the page lacks the markers {begin} and {end}")
    return pattern.sub(lambda _: block, text)


def _processor() -> str:
    lines = Path("/proc/cpuinfo")
    if lines.exists():
        for line in lines.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
