"""From ``search.warm_start`` to what the search begins with; everything wrong is said at once."""

from collections.abc import Iterator
from pathlib import Path

from autopeft.bridge.past import PastRun, first_objective, found_runs, past_run
from autopeft.core.choices import did_you_mean
from autopeft.core.errors import AutopeftError, InputError, Problem
from autopeft.spec.problems import Path as TreePath
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Opening, RunsWarmStart
from autopeft.tracking.run_folder import RunFolder, run_folders_in

PLACE: TreePath = ("search", "warm_start")


def make_opening(sweep: Sweep, *, proxy: Path | None = None) -> Opening | None:
    """Return what the sweep's warm start comes to today; nothing if the file asks for none.

    Args:
        sweep: The sweep.
        proxy: The run folder of a bridge's proxy, where the file leaves it to the sweep to tune it.

    Raises:
        InputError: Runs or a model are missing, or say nothing about this space; all of it.
    """
    start = sweep.settings.search.warm_start
    if start is None:
        return None
    from autopeft.bridge import WARM_STARTS  # the table names this module's neighbours

    make = WARM_STARTS.load(start.kind)
    seed = sweep.settings.seed
    if isinstance(start, RunsWarmStart):
        runs = _past_runs(sweep, start)
        found: Opening = make(start, runs, sweep.space.axes, seed=seed)
    else:
        if proxy is not None:
            start = start.model_copy(update={"proxy": str(proxy)})
        found = make(start, sweep)
    return found


def _past_runs(sweep: Sweep, start: RunsWarmStart) -> list[PastRun]:
    """Read the runs a warm start names."""
    runs: dict[Path, PastRun] = {}
    problems: list[Problem] = []
    for index, pattern in enumerate(start.runs):
        place = (*PLACE, "runs", index)
        folders = found_runs(pattern)
        if not folders:
            problems.append(sweep.problem(place, _missing(pattern)))
        for folder in folders:
            try:
                runs[folder.path.resolve()] = _read(folder, sweep)
            except AutopeftError as error:
                problems.append(sweep.problem(place, str(error)))
    if problems:
        raise InputError(problems)
    return list(runs.values())


def _read(folder: RunFolder, sweep: Sweep) -> PastRun:
    """Return a run that can teach this sweep something.

    Raises:
        AutopeftError: It cannot; the message says why.
    """
    history, name = folder.history(), folder.path.name
    ours, theirs = (first_objective(search) for search in (sweep.settings.search, history.search))
    if ours != theirs:
        raise AutopeftError(
            f"{name} searched for {theirs[0]} ({theirs[1]}), this sweep for {ours[0]} ({ours[1]}); "
            "take runs with the same first objective"
        )
    if not history.ranked():
        raise AutopeftError(f"{name} has no trial that ran to its end; `autopeft resume` it first")
    found = past_run(name, history, sweep.space)
    if not found.trials:
        raise AutopeftError(f"{name} shares no parameter with this space; {_searched(folder)}")
    return found


def _searched(folder: RunFolder) -> str:
    names = [dimension.name for dimension in folder.sweep().space.dimensions]
    return f"it searched {', '.join(names) or 'nothing'}"


def _missing(pattern: str) -> str:
    path = Path(pattern)
    near = sorted(run.path.name for run in run_folders_in(path.parent))
    hint = did_you_mean(path.name, near) or (f"; there are {', '.join(near[-5:])}" if near else "")
    return f"{pattern} is no run folder, nor a pattern of some{hint}"


def sources(runs: list[PastRun]) -> Iterator[str]:
    """Yield the names of the runs."""
    yield from (run.name for run in runs)
