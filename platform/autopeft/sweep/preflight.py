"""Mistakes about resources, data, base, program or function, found before Ray starts."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import soundfile

from autopeft.bridge import make_opening
from autopeft.core.choices import did_you_mean
from autopeft.core.errors import AutopeftError, DataError, InputError, Problem
from autopeft.data import open_data
from autopeft.data.audio_files import read_clip
from autopeft.data.captions_csv import named_files
from autopeft.data.problems import listed
from autopeft.spec.data import FolderData
from autopeft.spec.distribution import SECTIONS
from autopeft.spec.load import WrongSweep, load_sweep, reading_order
from autopeft.spec.model import SHIPPED, Model
from autopeft.spec.problems import dotted
from autopeft.spec.remarks import remarks
from autopeft.spec.sweep import Sweep
from autopeft.spec.trial import TrialSpec
from autopeft.sweep.base_folder import base_folder_problems
from autopeft.sweep.base_widths import beyond_widths
from autopeft.sweep.machine import what_does_not_fit
from autopeft.sweep.objective_preflight import command_problems, function_problems

# Headers of so many files are read (about 0.2 ms each); of more, evenly spaced ones. What is
# wrong with the others is found when their features are computed.
MOST_FILES = 10_000
# Samples of so many values of files that can hold NaN are read (2 to 4 seconds at most), of more
# evenly spaced files of them.
MOST_VALUES = 300_000_000
ANY_RATE_HZ = 16_000

DATA = ("task", "data", "path")
CAPTIONS = ("task", "data", "captions")
CLIPS = ("task", "data", "clips")
BASE = ("model", "base")
BATCH = ("training", "batch_size")
# Whether what stands at some paths of the file is right.
Sure = Callable[..., bool]
# What a problem inside the captions begins with.
ROW = re.compile(r"(?P<where>.+:\d+)  (?P<message>.*)")


def load_checked(
    source: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, quick: bool = False
) -> tuple[Sweep, list[Problem]]:
    """Read a search file and look if what it needs can be used here.

    Args:
        source: A YAML file, or its content as plain data.
        overrides: ``path=value`` pairs, the last word.
        quick: As of ``preflight``.

    Returns:
        The sweep, and what is no mistake and worth a look all the same.

    Raises:
        InputError: Every problem at once, of the file and of what it names.
    """
    try:
        sweep = load_sweep(source, overrides)
    except WrongSweep as error:
        if error.rest is None:
            raise
        found = _all_problems(error.rest.sweep, quick=True, is_sure=error.rest.is_sure)
        raise InputError(sorted([*error.problems, *found], key=reading_order)) from None
    return sweep, preflight(sweep, quick=quick)


def preflight(sweep: Sweep, *, quick: bool = False) -> list[Problem]:
    """Return if what the sweep needs can be used here, as far as that can be seen quickly.

    Args:
        sweep: A right one.
        quick: Look at a base that is a folder without loading it.

    Returns:
        What is no mistake and worth a look all the same.

    Raises:
        InputError: Every problem, with the place of what names the thing.
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        problems = _all_problems(sweep, quick=quick, is_sure=lambda *needs: True)
    if problems:
        raise InputError(problems)
    return [
        *remarks(sweep),
        *_remarks_on_sizes(sweep),
        *(sweep.problem(CLIPS, str(w.message)) for w in warned),
    ]


def _remarks_on_sizes(sweep: Sweep) -> Iterator[Problem]:
    """Yield adapters too large for what they are to adapt, and batches for the data."""
    if not sweep.task.has_adapters:
        return
    spec = _some_trial(sweep)
    yield from beyond_widths(sweep, _searched_bases(sweep, spec.model))
    searched = [d for d in sweep.space.dimensions if d.name == dotted(BATCH)]
    sizes = [size for d in searched for size in (d.choices or (d.low,))]
    smallest = min(int(float(str(size))) for size in sizes or [spec.training.batch_size])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clips = len(open_data(spec.task.data, sample_rate_hz=ANY_RATE_HZ).splits["train"].names)
    if smallest > clips:
        yield sweep.problem(
            BATCH,
            f"{smallest} is above the {clips} training clips, so a batch repeats some of them",
        )


def _all_problems(sweep: Sweep, *, quick: bool, is_sure: Sure) -> list[Problem]:
    """Return everything that keeps the sweep from running here, as far as its words are sure."""
    problems: list[Problem] = []
    if is_sure(("cluster",)):
        problems += what_does_not_fit(sweep)
    if is_sure(("task", "kind")):
        problems += LOOKS[sweep.task.runner](sweep, quick=quick, is_sure=is_sure)
    if is_sure(("search", "warm_start"), *((name,) for name in SECTIONS)):
        problems += _warm_start_problems(sweep)
    return problems


def _warm_start_problems(sweep: Sweep) -> Sequence[Problem]:
    """Return what keeps the sweep from learning from the runs it names."""
    try:
        make_opening(sweep)
    except InputError as error:
        return error.problems
    return ()


def _fine_tuning_problems(sweep: Sweep, *, quick: bool, is_sure: Sure) -> Iterator[Problem]:
    """Yield what is wrong with data and base."""
    spec = _some_trial(sweep)
    if isinstance(spec.task.data, FolderData) and is_sure(DATA):
        yield from _data_problems(sweep, spec.task.data, is_sure)
    if is_sure(BASE):
        loads = is_sure(("model",))
        yield from _base_problems(sweep, _bases(sweep, spec.model), quick=quick, loads=loads)


def _some_trial(sweep: Sweep) -> TrialSpec:
    return sweep.fine_tuning(sweep.space.decode({d.name: 0.5 for d in sweep.space.dimensions}))


def _data_problems(sweep: Sweep, data: FolderData, is_sure: Sure) -> Iterator[Problem]:
    """Yield what is wrong with the folder, the captions and the sounds, whichever comes first."""
    folder = Path(data.path).expanduser()
    table = folder / data.captions
    try:
        if not folder.is_dir():
            near = did_you_mean(folder.name, [path.name for path in folder.parent.glob("*/")])
            yield sweep.problem(DATA, f"there is no folder {folder}{near}")
        elif not is_sure(CAPTIONS):
            return
        elif not table.is_file():
            near = did_you_mean(table.name, [path.name for path in folder.glob("*.csv")])
            columns = "; it has the columns file, caption"
            yield sweep.problem(CAPTIONS, f"there is no file {table}{near or columns}")
        elif is_sure(DATA[:-1]):
            yield from _sound_problems(sweep, data, table.parent)
    except (OSError, RuntimeError) as error:  # no permission; a name no file can have; ~nobody
        yield sweep.problem(DATA, f"{folder} cannot be read: {error}")


def _sound_problems(sweep: Sweep, data: FolderData, folder: Path) -> Iterator[Problem]:
    try:
        clips = open_data(data, sample_rate_hz=ANY_RATE_HZ)
    except DataError as error:
        lines = str(error).splitlines()
        paths = named_files(folder / data.captions)
    else:
        lines = []
        paths = [folder / name for split in clips.splits.values() for name in split.names]
    every = max(-(-len(paths) // MOST_FILES), 1)
    lines += listed(list(_unreadable(paths[::every]))).splitlines()
    for line in lines:
        row = ROW.fullmatch(line)
        yield Problem(row["where"], "", row["message"]) if row else sweep.problem(DATA, line)


def _unreadable(paths: list[Path]) -> Iterator[str]:
    """Yield what is wrong with sounds, as far as their headers tell; of floats, their values."""
    doubtful, floats, values = set(), [], 0
    for path in paths:
        try:
            header = soundfile.info(path)
        except (OSError, RuntimeError, ValueError):
            doubtful.add(path)
            continue
        if header.frames <= 0:
            doubtful.add(path)
        elif header.subtype in ("FLOAT", "DOUBLE"):
            floats.append(path)
            values += header.frames * header.channels
    doubtful.update(floats[:: max(-(-values // MOST_VALUES), 1)])
    for path in paths:
        if path in doubtful:
            try:
                read_clip(path, sample_rate_hz=ANY_RATE_HZ)  # it says in words what is wrong
            except DataError as error:
                yield str(error)


def _bases(sweep: Sweep, model: Model) -> list[Model]:
    """Return every base that a trial may ask for and that is not shipped."""
    bases = _searched_bases(sweep, model)
    return [model.model_copy(update={"base": base}) for base in bases if base not in SHIPPED]


def _searched_bases(sweep: Sweep, model: Model) -> list[str]:
    """Return the names of all bases: ``model.base`` can be searched too."""
    searched = [d for d in sweep.space.dimensions if d.name == "model.base"]
    return [str(base) for base in searched[0].choices] if searched else [model.base]


def _base_problems(
    sweep: Sweep, models: Sequence[Model], *, quick: bool, loads: bool
) -> Iterator[Problem]:
    """Yield what is wrong with bases: with their folders, and when they are loaded.

    Args:
        sweep: What names them.
        models: The bases.
        quick: Load no folder.
        loads: Whether how they are to be loaded is sure; else none is.
    """
    to_load = []
    for model in models:
        is_folder = Path(model.base).is_absolute()
        found = list(_folder_problems(Path(model.base))) if is_folder else []
        yield from (sweep.problem(BASE, message) for message in found)
        if loads and not found and not (quick and is_folder):
            to_load.append(model)
    for message in _loading_problems(to_load):
        yield sweep.problem(BASE, message.removeprefix("model.base: "))


def _folder_problems(folder: Path) -> Iterator[str]:
    try:
        yield from base_folder_problems(folder)
    except OSError as error:
        yield f"{folder} cannot be read: {error}"


def _loading_problems(models: Sequence[Model]) -> Iterator[str]:
    """Yield why a base does not load; tried in a child process, which leaves no torch behind."""
    if not models:
        return
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for model in models:
            try:
                error = pool.submit(_loading_error, model.base, model.revision).result()
            except BrokenProcessPool as broken:
                raise AutopeftError(
                    f"{model.base}: the process that loaded it was killed; is the memory enough?"
                ) from broken
            if error is not None:
                yield error


def _loading_error(base: str, revision: str | None) -> str | None:
    from autopeft.models import load_base

    try:
        load_base(base, revision=revision)
    except AutopeftError as error:
        return str(error)
    return None


# What is looked at, by what runs the trials.
LOOKS: dict[str, Callable[..., Iterator[Problem]]] = {
    "fine-tuning": _fine_tuning_problems,
    "command": command_problems,
    "function": function_problems,
}
