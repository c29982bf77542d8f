"""Results kept as they come: run once, stored as parquet, completed by what is missing."""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from autopeft.core.errors import InputError

Job: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = Sequence[Mapping[str, Any]]
SAVED_EVERY_S = 30.0


def results(
    wanted: Sequence[Job],
    run_one: Callable[[Job], Rows],
    *,
    key: Sequence[str],
    raw: Path | None,
    processes: int,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """Return the rows of the jobs: from ``raw`` what it holds, the others run and added.

    Args:
        wanted: What each is called, by ``key``.
        run_one: Makes a job's rows; called in other processes.
        key: The columns that name a job.
        raw: Where rows are kept, every half a minute and at the end.
        processes: Side by side.
        progress: Told ``(done, total)`` after every job.
    """
    held = pd.read_parquet(raw) if raw is not None and raw.exists() else pd.DataFrame()
    known = set(held[list(key)].itertuples(index=False, name=None)) if len(held) else set()
    missing = [job for job in wanted if job not in known]
    rows: list[Mapping[str, Any]] = []
    saved = time.monotonic()
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            futures = [pool.submit(run_one, job) for job in missing]
            for count, future in enumerate(as_completed(futures), start=1):
                rows += future.result()
                progress(len(wanted) - len(missing) + count, len(wanted))
                if raw is not None and time.monotonic() - saved > SAVED_EVERY_S:
                    write_table(raw, _joined(held, rows))
                    saved = time.monotonic()
    finally:  # also after Ctrl-C
        if raw is not None and rows:
            write_table(raw, _joined(held, rows))
    table, asked = _joined(held, rows), set(wanted)
    return table[[job in asked for job in table[list(key)].itertuples(index=False, name=None)]]


def read_table(path: Path, *, made_by: str) -> pd.DataFrame:
    """Read a kept table.

    Raises:
        InputError: It is not there; the sentence says which command makes it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; `{made_by}` makes it")
    return pd.read_parquet(path)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as parquet under a temporary name and rename: a reader never sees half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    table.to_parquet(temporary, index=False)
    temporary.replace(path)


def _joined(held: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    return pd.concat([held, pd.DataFrame(rows)], ignore_index=True) if rows else held
