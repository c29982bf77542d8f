"""Results kept as they come: run once, stored as parquet, completed by what is missing."""

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

Job: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = Sequence[Mapping[str, Any]]
SAVED_EVERY = 100


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
        raw: Where rows are kept; written as a whole file, so that none is torn.
        processes: Side by side.
        progress: Told ``(done, total)`` after every job.
    """
    held = pd.read_parquet(raw) if raw is not None and raw.exists() else pd.DataFrame()
    known = set(held[list(key)].itertuples(index=False, name=None)) if len(held) else set()
    missing = [job for job in wanted if job not in known]
    rows: list[Mapping[str, Any]] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = [pool.submit(run_one, job) for job in missing]
        for count, future in enumerate(as_completed(futures), start=1):
            rows += future.result()
            progress(len(wanted) - len(missing) + count, len(wanted))
            if count % SAVED_EVERY == 0:
                _save(raw, held, rows)
    table = _save(raw, held, rows) if rows else held
    asked = set(wanted)
    return table[[job in asked for job in table[list(key)].itertuples(index=False, name=None)]]


def _save(raw: Path | None, held: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    table = pd.concat([held, pd.DataFrame(rows)], ignore_index=True)
    if raw is not None:
        temporary = raw.with_suffix(".new")
        table.to_parquet(temporary, index=False)
        temporary.replace(raw)
    return table
