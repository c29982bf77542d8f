"""What methods cost on a GPU, and trials that share one: tables rebuilt from what was recorded.

``autopeft bench methods --raw`` records the first; the second is read from the run folders of
sweeps that were run with several ``resources.gpus``, by ``python -m autopeft.benchmarks.gpu``.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from autopeft.benchmarks.tables import Table
from autopeft.core.units import count
from autopeft.simulation import method_costs as study
from autopeft.simulation.raw_results import read_table, write_table
from autopeft.tracking.events import Asked, Ended, RayStarted
from autopeft.tracking.journal import read_journal
from autopeft.tracking.run_folder import open_run

METHODS, SHARING = "gpu_methods.parquet", "gpu_sharing.parquet"


def tables(folder: Path) -> Iterator[Table]:
    """Yield both tables.

    Raises:
        InputError: A recording is not there.
    """
    yield _methods(read_table(folder / METHODS, made_by="autopeft bench methods --raw"))
    yield _sharing(read_table(folder / SHARING, made_by="python -m autopeft.benchmarks.gpu"))


def of_runs(paths: Sequence[Path]) -> pd.DataFrame:
    """Return when the trials of finished or interrupted sweeps began and ended.

    Returns:
        By trial: ``gpus`` of each, ``slots``, ``asked`` and ``ended`` in seconds since the sweep's
        first trial was asked for, ``memory_mb`` (the most in use on the GPU, by all).
    """
    rows = []
    for path in paths:
        run = open_run(path)
        events = list(read_journal(run.journal))
        slots = next(event.slots for event in events if isinstance(event, RayStarted))
        asked = {event.trial: event.time for event in events if isinstance(event, Asked)}
        first = min(asked.values())
        used = {
            trial.id: trial.metrics.get("system/gpu_0_memory_usage_megabytes")
            for trial in run.trials()
        }
        rows += [
            {
                "gpus": run.sweep().settings.resources.gpus,
                "slots": slots,
                "trial": event.trial,
                "asked": asked[event.trial] - first,
                "ended": event.time - first,
                "memory_mb": used[event.trial],
            }
            for event in events
            if isinstance(event, Ended) and event.trial in asked
        ]
    return pd.DataFrame(rows)


def _methods(rows: pd.DataFrame) -> Table:
    usual = rows[rows["batch_size"] == rows["batch_size"].min()]
    found = study.summary(usual)
    notes = [
        f"batch {size}, {method}: a step {_pair(part, 'step_seconds', 1e3, 'ms')}, memory "
        f"{_pair(part, 'gpu_memory_mb', 1e-3, 'GB')} (float32, bfloat16)"
        for (size, method), part in rows[rows["batch_size"] != usual["batch_size"].iloc[0]].groupby(
            ["batch_size", "method"]
        )
    ]
    base, device = count(usual["base_parameters"].iloc[0]), usual["device"].iloc[0]
    return Table(
        "gpu",
        f"Methods on a base of {base} parameters, batch {usual['batch_size'].iloc[0]}, {device}",
        ("method", *next(iter(found.values()))),
        [(name, *figures.values()) for name, figures in found.items()],
        notes=[*notes, f"recorded with torch {usual['torch'].iloc[0]} on another machine than:"],
    )


def _sharing(rows: pd.DataFrame) -> Table:
    found = dict(iter(rows.groupby("slots", sort=True)))
    alone = _rate(next(iter(found.values())))
    shown = [
        (
            str(slots),
            f"{part['gpus'].iloc[0]:g}",
            str(len(part)),
            f"{part['ended'].max():.1f} s",
            f"{_rate(part):.2f}",
            f"{_rate(part) / alone:.1f}",
            f"{(part['ended'] - part['asked']).median():.1f} s",
            f"{part['memory_mb'].max() / 1e3:.1f} GB",
        )
        for slots, part in found.items()
    ]
    columns = (
        "trials at a time", "`resources.gpus`", "trials", "took", "trials a second",
        "times one at a time", "a trial", "GPU memory in use",
    )  # fmt: skip
    return Table(
        "gpu-sharing", "The demo's trials sharing one GPU", columns, shown,
        notes=["recorded on the GPU of the table above, on another machine than:"],
    )  # fmt: skip


def _rate(part: pd.DataFrame) -> float:
    return len(part) / float(part["ended"].max())


def _pair(part: pd.DataFrame, column: str, factor: float, unit: str) -> str:
    by_precision = part.set_index("precision")[column] * factor
    digits = 0 if unit == "ms" else 1
    return " and ".join(f"{by_precision[p]:.{digits}f} {unit}" for p in study.PRECISIONS)


def main() -> None:
    """Write what runs tell of sharing."""
    parser = argparse.ArgumentParser(prog="python -m autopeft.benchmarks.gpu")
    parser.add_argument("runs", nargs="+", type=Path, help="run folders")
    parser.add_argument("--out", type=Path, required=True, help="the parquet file")
    asked = parser.parse_args()
    write_table(asked.out, of_runs(asked.runs))


if __name__ == "__main__":
    main()
