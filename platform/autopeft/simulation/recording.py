"""Makes the recorded benchmark: configurations trained to the end, scored at every report.

Every branch of the space gets Sobol points, about the same number per parameter it has. A
configuration is trained once per seed; validation and test are scored at every report, so that a
search can be replayed on the validation curve and judged on the test curve, the source domain at
the end. Times are CPU seconds: they hold on a machine that does something else beside.
"""

import json
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from scipy.stats import qmc

from autopeft.core.errors import AutopeftError, InputError
from autopeft.core.places import write_json
from autopeft.simulation.raw_results import write_table
from autopeft.spec.space import Cube, Space, active_axes, middle_of, snapped
from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import TrialSpec

Row: TypeAlias = dict[str, Any]
REPORT = ("step", "validation", "test", "source", "step_seconds")
PER_BRANCH = 4
PER_PARAMETER = 9


@dataclass(frozen=True, slots=True)
class Job:
    """One training: its specification, the file its curve goes to, the folder of features."""

    spec_json: str
    path: Path
    cache: str


def design(space: Space, *, seed: int = 0) -> list[dict[str, float]]:
    """Return the points to record: in every branch 4 and 9 more for each of its parameters.

    Numbers are scrambled Sobol points of the branch's own cube; branches take turns, so that a
    recording that is cut short still has all of them.
    """
    branches = list(_branches(space))
    drawn = [_points(space, branch, seed=seed + i) for i, branch in enumerate(branches)]
    longest = max(map(len, drawn))
    return [points[k] for k in range(longest) for points in drawn if k < len(points)]


def record(
    sweep: Sweep, folder: Path, *, seeds: Sequence[int], processes: int, most: int | None = None
) -> Iterator[tuple[int, int]]:
    """Train what is not recorded yet; yield ``(done, total)`` after each.

    Args:
        sweep: Its space and its template.
        folder: One JSON file per configuration and seed; those that are there are kept.
        seeds: Training seeds.
        processes: Trained side by side, one thread each.
        most: Only the first so many configurations.
    """
    jobs = training_jobs(sweep, folder, seeds=seeds, cache=folder / "cache", most=most)
    yield from trained(jobs, processes=processes)


def training_jobs(
    sweep: Sweep, folder: Path, *, seeds: Sequence[int], cache: Path, most: int | None = None
) -> list[Job]:
    """Return every training of a design, those that are there already too."""
    jobs = []
    for seed in seeds:
        for index, cube in enumerate(design(sweep.space)[:most]):
            spec = sweep.fine_tuning(sweep.space.decode(cube), seed=seed)
            path = folder / f"c{index:04d}-s{seed}.json"
            jobs.append(Job(spec.model_dump_json(), path, str(cache)))
    return jobs


def trained(jobs: Sequence[Job], *, processes: int) -> Iterator[tuple[int, int]]:
    """Do the jobs whose files are not there, in their order; yield ``(done, total)`` after each."""
    missing = [job for job in jobs if not job.path.exists()]
    for folder in {job.path.parent for job in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = [pool.submit(_record_one, job) for job in missing]
        for done, future in enumerate(as_completed(futures), start=len(jobs) - len(missing) + 1):
            future.result()
            yield done, len(jobs)


def completed(
    sweep: Sweep,
    out: Path,
    *,
    seeds: Sequence[int],
    processes: int,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """Train what ``out`` lacks, write it and return all of it.

    The curves are kept one by one in a folder beside ``out`` while it runs.

    Raises:
        InputError: ``out`` holds curves of another space.
    """
    folder = out.with_suffix(".parts")
    if out.exists():
        held = pd.read_parquet(out)
        if not set(held["cube"]) <= {json.dumps(cube) for cube in design(sweep.space)}:
            raise InputError(f"{out}: holds curves of another space; choose another name")
        unpack(sweep, held, folder)
    for done, total in record(sweep, folder, seeds=seeds, processes=processes):
        progress(done, total)
    table = gather(sweep, folder)
    write_table(out, table)
    shutil.rmtree(folder)
    return table


def gather(sweep: Sweep, folder: Path) -> pd.DataFrame:
    """Return the recording as a table: a row per configuration, seed and report.

    Columns: ``config``, ``seed``, ``values`` and ``cube`` (JSON), ``effective``, ``reason`` (empty
    unless it failed), ``trainable_parameters``, ``step``, ``validation``, ``test``, ``source``
    (accuracies), ``step_seconds`` (CPU, training only).
    """
    rows: list[Row] = []
    for index, cube in enumerate(design(sweep.space)):
        for path in sorted(folder.glob(f"c{index:04d}-s*.json")):
            found = json.loads(path.read_text())
            common = {
                "config": index,
                "seed": int(path.stem.partition("-s")[2]),
                "values": json.dumps(sweep.space.decode(cube)),
                "cube": json.dumps(cube),
                "effective": found["effective"],
                "trainable_parameters": found["trainable_parameters"],
                "reason": found["reason"],
            }
            rows += [{**common, **report} for report in found["reports"] or [{"step": 0}]]
    return pd.DataFrame(rows)


def unpack(sweep: Sweep, table: pd.DataFrame, folder: Path) -> None:
    """Write the curves of a table as the files that ``record`` keeps."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {json.dumps(cube): index for index, cube in enumerate(design(sweep.space))}
    fields = ("effective", "trainable_parameters", "reason")
    for (cube, seed), rows in table.astype({"cube": str}).groupby(["cube", "seed"]):
        path = folder / f"c{known[str(cube)]:04d}-s{seed}.json"
        if path.exists():
            continue
        reports = rows.loc[rows["step"] > 0, list(REPORT)].to_dict("records")
        first = {name: rows.iloc[0][name] for name in fields}
        first["trainable_parameters"] = int(first["trainable_parameters"])
        write_json(path, {**first, "reports": reports})


def _record_one(job: Job) -> None:
    """Train one configuration in this process and write its curve."""
    spec = TrialSpec.model_validate_json(job.spec_json)
    write_json(job.path, _curve(spec, job.cache))


_workers: dict[str, Any] = {}


def _curve(spec: TrialSpec, cache: str) -> Mapping[str, Any]:
    """Return effective hash, parameters, reports and why it failed, if it did."""
    from autopeft.trial.failures import reason_of
    from autopeft.trial.session import TrialSession
    from autopeft.trial.worker import Worker

    worker = _workers.setdefault(cache, Worker(Path(cache)))
    reports: list[Row] = []
    found: dict[str, Any] = {"reports": reports, "reason": ""}
    found |= {"effective": "", "trainable_parameters": 0}
    session = None
    try:
        session = TrialSession(spec, worker, folder=None)
        found["effective"] = session.building.effective
        found["trainable_parameters"] = session.building.trainable_parameters
        while True:
            report, spent = _timed(session.advance)
            test, scoring = _timed(lambda: session.score("test"))
            every = spec.training.report_every
            reports.append(
                {
                    "step": report.step,
                    "validation": report.metrics["accuracy"],
                    "test": test["accuracy"],
                    "source": report.metrics.get("source_accuracy"),
                    "step_seconds": max(spent - scoring, 0.0) / every,
                }
            )
            if report.final:
                return found
    except AutopeftError as error:
        found["reason"] = f"refused: {error}"
    except Exception as error:  # a configuration may do anything; that is what is recorded
        found["reason"] = reason_of(error)
    finally:
        if session is not None:
            session.close()
    return found


def _timed(call: Any) -> tuple[Any, float]:
    began = time.process_time()
    result = call()
    return result, time.process_time() - began


def _branches(space: Space) -> Iterator[dict[str, float]]:
    """Yield one partial point per branch: the choices that other parameters depend on."""
    parents = {d.when[0] for d in space.dimensions if d.when is not None}
    choices = [d for d in space.dimensions if d.name in parents]
    if not choices:
        yield {}
        return
    (choice,) = choices  # a search file has one: the method
    levels = choice.levels or 1
    for level in range(levels):
        yield {choice.name: middle_of(level, levels)}


def _points(space: Space, branch: Cube, *, seed: int) -> list[dict[str, float]]:
    template = {dimension.name: 0.5 for dimension in space.dimensions} | dict(branch)
    free = [axis for axis in active_axes(space.axes, template) if axis.name not in branch]
    count = PER_BRANCH + PER_PARAMETER * len(free)
    sobol = qmc.Sobol(len(free), seed=seed).random(1 << (count - 1).bit_length())[:count]
    points = []
    for row in sobol:
        cube = dict(branch)
        for axis, x in zip(free, row, strict=True):
            cube[axis.name] = snapped(float(x), axis.levels)
        points.append({axis.name: cube[axis.name] for axis in space.axes if axis.name in cube})
    return points
