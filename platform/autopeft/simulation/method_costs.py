"""What each method costs on a device: time of a step, memory, and time to put it on and off."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import torch

from autopeft.core.errors import InputError
from autopeft.core.units import count
from autopeft.methods import METHODS
from autopeft.simulation.raw_results import results
from autopeft.spec.load import load_sweep
from autopeft.spec.trial import TrialSpec
from autopeft.trial.fine_tuning import FineTuningRunner

Job: TypeAlias = tuple[str, int, str, str]
Row: TypeAlias = Mapping[str, Any]
KEY = ("base", "batch_size", "method", "precision")
KINDS = tuple(kind for kind in METHODS if kind not in ("parts", "zero-shot"))
PRECISIONS = ("float32", "bfloat16")
# Two reports: the first has what a device does once, the second is the one that counts.
REPORT = 10


def measure(
    file: Path,
    cache_dir: Path,
    *,
    kinds: Sequence[str] = KINDS,
    precisions: Sequence[str] = PRECISIONS,
    raw: Path | None,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """Train every method for twenty steps on the base, data and batch of a search file.

    Each has its defaults and all roles. On a GPU if ``resources.gpus`` of the file asks for one.

    Args:
        file: The search file; its method and its searcher do not matter.
        cache_dir: For features.
        kinds: Names of methods.
        precisions: Of training.
        raw: Where rows are kept; what it holds is not run again.
        progress: Told ``(done, total)`` after each.

    Returns:
        By base, batch size, method and precision: ``device``, ``torch``, ``base_parameters``,
        ``trainable_parameters``, ``step_seconds``, ``gpu_memory_mb`` (the peak; NaN on a CPU),
        ``on_seconds``, ``off_seconds``, and ``failure`` where it did not fit.

    Raises:
        InputError: The file is of a task that trains nothing here, or is wrong.
    """
    sweep = load_sweep(file)
    trial = sweep.any_trial
    if not isinstance(trial, TrialSpec):
        raise InputError(f"{file}  task.kind: methods can be measured where a base is adapted")
    specs = {
        (trial.model.base, trial.training.batch_size, kind, precision): _spec(
            trial, kind, precision
        ).model_dump_json()
        for kind in kinds
        for precision in precisions
    }
    run = partial(
        run_one, specs, str(cache_dir), sweep.settings.resources.cpus, sweep.settings.resources.gpus
    )
    return results(list(specs), run, key=KEY, raw=raw, processes=1, progress=progress)


def run_one(
    specs: Mapping[Job, str], cache_dir: str, cpus: int, gpus: float, job: Job
) -> Sequence[Row]:
    """Return the row of a method; all of one process share its base."""
    runner = _runner(cache_dir, cpus, gpus)
    spec = TrialSpec.model_validate_json(specs[job])
    runner.warm(spec)
    worker = runner.worker
    row = dict(zip(KEY, job, strict=True)) | {
        "device": torch.cuda.get_device_name() if worker.device == "cuda" else "CPU",
        "torch": torch.__version__,
        "base_parameters": sum(p.numel() for p in worker.base(spec).model.parameters()),
        "step_seconds": math.nan,
        "gpu_memory_mb": math.nan,
        "failure": "",
    }
    began = time.perf_counter()
    session = runner.open(spec, folder=None)
    row["on_seconds"] = time.perf_counter() - began
    row["trainable_parameters"] = session.building.trainable_parameters
    try:
        session.advance()
        metrics = session.advance().metrics
        row["step_seconds"] = metrics["step_seconds"]
        row["gpu_memory_mb"] = metrics.get("gpu_memory_mb", math.nan)
    except torch.OutOfMemoryError:
        row["failure"] = "out of memory"
    began = time.perf_counter()
    session.close()
    row["off_seconds"] = time.perf_counter() - began
    return [row]


def summary(rows: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return, for every method, what a table shows of it."""
    return {
        str(method): {"trainable": count(of_method["trainable_parameters"].iloc[0])}
        | {
            f"{precision}, {what}": _cell(row, column, factor, unit)
            for precision, row in of_method.set_index("precision").iterrows()
            for what, column, factor, unit in (
                ("step", "step_seconds", 1e3, "ms"),
                ("memory", "gpu_memory_mb", 1, "MB"),
            )
        }
        | {"on and off": f"{(of_method['on_seconds'] + of_method['off_seconds']).median():.2f} s"}
        for method, of_method in rows.groupby("method", sort=False)
    }


def _spec(trial: TrialSpec, kind: str, precision: str) -> TrialSpec:
    training = trial.training.model_dump() | {
        "steps": 2 * REPORT, "report_every": REPORT, "warmup_steps": 1, "precision": precision,
    }  # fmt: skip
    values = trial.model_dump() | {"method": {"kind": kind}, "training": training}
    return TrialSpec.model_validate(values)


@cache
def _runner(cache_dir: str, cpus: int, gpus: float) -> FineTuningRunner:
    return FineTuningRunner(Path(cache_dir), cpus=cpus, gpus=gpus)


def _cell(row: pd.Series, column: str, factor: float, unit: str) -> str:
    if row["failure"]:
        return str(row["failure"])
    value = float(row[column]) * factor
    if math.isnan(value):
        return "–"
    return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
