"""Mistakes about data and base, found before Ray starts and not by every worker."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import soundfile

from autopeft.core.errors import AutopeftError, BaseUnavailable, DataError
from autopeft.data import open_data
from autopeft.data.audio_files import read_clip
from autopeft.data.problems import listed
from autopeft.spec.data import Data, FolderData
from autopeft.spec.model import Model
from autopeft.spec.sweep import Sweep

SHIPPED = "autopeft/tiny-clap"
# Headers of so many files are read (about 0.2 ms each); of more, evenly spaced ones. What is
# wrong with the others is found when their features are computed.
MOST_FILES = 10_000
ANY_RATE_HZ = 16_000


def preflight(sweep: Sweep) -> None:
    """Return if the sweep's data and base can be used, as far as that can be seen quickly.

    Raises:
        DataError: The data folder, its captions or its sounds are not right.
        BaseUnavailable: The base cannot be loaded here.
    """
    spec = sweep.trial(
        sweep.space.decode({dimension.name: 0.5 for dimension in sweep.space.dimensions})
    )
    check_data(spec.task.data)
    for base in _bases(sweep, spec.model):
        check_base(base)


def check_data(data: Data) -> None:
    """Return if the captions are right and the sounds look like sounds.

    Raises:
        DataError: Every problem, one per line.
    """
    clips = open_data(data, sample_rate_hz=ANY_RATE_HZ)
    if not isinstance(data, FolderData):
        return
    folder = (Path(data.path).expanduser() / data.captions).parent
    paths = [folder / name for split in clips.splits.values() for name in split.names]
    every = -(-len(paths) // MOST_FILES)
    problems = list(_unreadable(paths[::every]))
    if problems:
        raise DataError(listed(problems))


def check_base(model: Model) -> None:
    """Return if the base loads; tried in a child process, which leaves no torch behind.

    Raises:
        BaseUnavailable: Unknown, incomplete, of an unsupported family, or out of reach.
    """
    if model.base == SHIPPED:
        return
    if Path(model.base).is_absolute() and not Path(model.base).is_dir():
        raise BaseUnavailable(f"model.base: there is no folder {model.base}")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        error = pool.submit(_loading_error, model.base, model.revision).result()
    if error is not None:
        raise error


def _loading_error(base: str, revision: str | None) -> AutopeftError | None:
    from autopeft.models import load_base

    try:
        load_base(base, revision=revision)
    except AutopeftError as error:
        return error
    return None


def _unreadable(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        try:
            if soundfile.info(path).frames > 0:
                continue
        except (OSError, RuntimeError, ValueError):
            pass
        try:
            read_clip(path, sample_rate_hz=ANY_RATE_HZ)  # it says in words what is wrong
        except DataError as error:
            yield str(error)


def _bases(sweep: Sweep, model: Model) -> Iterator[Model]:
    """Yield every base that a trial may ask for: ``model.base`` can be searched too."""
    searched = [d for d in sweep.space.dimensions if d.name == "model.base"]
    for base in searched[0].choices if searched else (model.base,):
        yield model.model_copy(update={"base": base})
