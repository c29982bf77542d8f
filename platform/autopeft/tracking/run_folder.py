"""A run folder: where a sweep lives, and how to open it again."""

import errno
import glob
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from autopeft.core.errors import NoRunFolder, RunFolderError
from autopeft.core.git_commit import commit_of, typed_in
from autopeft.core.places import private_folder, write_text
from autopeft.spec.load import load_sweep
from autopeft.spec.resolved import resolved
from autopeft.spec.sweep import Sweep
from autopeft.tracking.history import History
from autopeft.tracking.journal import read_journal
from autopeft.tracking.trial_history import TrialHistory

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths inside a run; nothing is read until asked for."""

    path: Path

    @property
    def is_one(self) -> bool:
        """Whether a run lives here.

        A search file alone makes none: projects have one too. Beside it stands the journal, or,
        before a driver began one, what ``create_run`` wrote.
        """
        begun = self.journal.is_file() or self.resolved_file.is_file()
        return begun and self.spec_file.is_file()

    @property
    def spec_file(self) -> Path:
        """The sweep as it runs, composed and resolved."""
        return self.path / "search.yaml"

    @property
    def resolved_file(self) -> Path:
        """The same with every default and every range, for readers."""
        return self.path / "resolved.yaml"

    @property
    def commit_file(self) -> Path:
        """The git commit of the search file, or of where ``run`` was typed; if there is one."""
        return self.path / "git_commit.txt"

    @property
    def commit(self) -> str | None:
        """What stands there."""
        file = self.commit_file
        return file.read_text(encoding="utf-8").strip() if file.is_file() else None

    @property
    def journal(self) -> Path:
        """What happened, one line per event."""
        return self.path / "journal.jsonl"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def result(self) -> Path:
        """The outcome, for programs."""
        return self.path / "result.json"

    @property
    def best(self) -> Path:
        """The winner's adapter folder."""
        return self.path / "best"

    @property
    def unsynced(self) -> Path:
        """Why MLflow lacks something of a sweep that is over; no such file if it does not."""
        return self.path / "unsynced.txt"

    @property
    def driver_log(self) -> Path:
        """What the driver and Ray printed."""
        return self.path / "driver.log"

    @property
    def driver(self) -> Path:
        """Which process drives it, while one does."""
        return self.path / "driver.json"

    @property
    def cache(self) -> Path:
        """Features, shared by all runs beside this one."""
        return self.path.parent / ".cache"

    def trial(self, trial: str) -> Path:
        """The folder of one trial: checkpoint, adapter."""
        return self.path / "trials" / trial

    def sweep(self) -> Sweep:
        """Read the sweep as it runs."""
        return load_sweep(self.spec_file)

    def write_resolved(self, sweep: Sweep) -> None:
        """Write the sweep with nothing left to a default; every driver does, for its sweep."""
        text = yaml.safe_dump(resolved(sweep), sort_keys=False, allow_unicode=True)
        write_text(self.resolved_file, text)

    def history(self) -> History:
        """Read the journal into what happened."""
        events = read_journal(self.journal) if self.journal.exists() else ()
        return History(self.sweep().settings.search, events)

    def trials(self) -> list[TrialHistory]:
        """All trials in the order they were proposed, baselines and retrainings included."""
        return list(self.history().trials.values())

    def dataframe(self) -> "pd.DataFrame":
        """One row per trial: identity, status, values, last metrics."""
        import pandas as pd  # half a second that a sweep need not spend

        return pd.DataFrame([_row(trial) for trial in self.trials()])


def _row(trial: TrialHistory) -> dict[str, Any]:
    """Return a trial on one line; a parameter or metric whose name is taken says which it is."""
    row: dict[str, Any] = {
        "trial": trial.id, "kind": trial.kind.value, "name": trial.name,
        "status": trial.status.value, "step": trial.step, "reason": trial.reason,
        "seconds": trial.seconds, "trainable_parameters": trial.trainable_parameters,
    }  # fmt: skip
    for word, facts in (("parameter", trial.values), ("metric", trial.metrics)):
        row |= {f"{word}.{name}" if name in row else name: fact for name, fact in facts.items()}
    return row


def create_run(sweep: Sweep, runs: Path, *, now: Callable[[], float] = time.time) -> RunFolder:
    """Make ``runs/<name>-<time>/`` (mode 0700) with the resolved sweep in it.

    Raises:
        RunFolderError: The folder cannot be made or written.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now()))
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for attempt in range(100):
            suffix = f"-{attempt}" if attempt else ""
            path = runs.resolve() / f"{sweep.name}-{stamp}{suffix}"
            with suppress(FileExistsError):  # another run began in this second
                path.mkdir(mode=0o700)
                break
        else:
            raise FileExistsError(errno.EEXIST, f"{path} and 99 beside it are taken")
        run = RunFolder(path)
        run.write_resolved(sweep)
        if commit := commit_of([*([sweep.folder] if sweep.folder else []), typed_in()]):
            write_text(run.commit_file, commit + "\n")
        write_text(run.spec_file, saved(sweep))
        private_folder(run.path / "trials")
    except OSError as error:
        raise RunFolderError(
            f"{runs}: a run folder cannot be made: {error.strerror}; choose a writable place with "
            "--runs"
        ) from error
    return run


def find_run(sweep: Sweep, runs: Path) -> RunFolder | None:
    """Return the newest run folder of exactly this sweep; one of another version is not it."""
    for run in sorted(run_folders_in(runs, f"{sweep.name}-*"), key=_path, reverse=True):
        if run.spec_file.read_text(encoding="utf-8") == saved(sweep):
            return run
    return None


def run_folders_in(folder: Path, names: str = "*") -> Iterator[RunFolder]:
    """Yield the runs right below a folder, in no order.

    Args:
        folder: Where they are.
        names: A pattern of their names.
    """
    for path in folder.glob(f"{names}/search.yaml"):
        run = RunFolder(path.parent)
        if run.is_one:
            yield run


def _path(run: RunFolder) -> Path:
    return run.path


def saved(sweep: Sweep) -> str:
    """Return a sweep as the YAML that makes it again."""
    return yaml.safe_dump(sweep.saved, sort_keys=False, allow_unicode=True)


def open_run(path: str | Path) -> RunFolder:
    """Open a run folder, or the newest one of ``runs/`` by its name's beginning.

    Raises:
        NoRunFolder: There is no run there; the message names those that are.
        RunFolderError: The folder cannot be read.
    """
    folder = Path(path)
    try:
        return RunFolder(_find_run(folder).path.resolve())
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be read: {error.strerror}") from error


def run_and_trial(path: str | Path) -> tuple[RunFolder, str | None]:
    """Open a run folder, or the one that the folder ``RUN/trials/ID`` lies in; return the ID too.

    Raises:
        RunFolderError: As ``open_run``.
    """
    folder = Path(path)
    if folder.parent.name == "trials" and RunFolder(folder.parent.parent).is_one:
        return open_run(folder.parent.parent), folder.name
    return open_run(folder), None


def _find_run(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    if run.is_one:
        return run
    parent = folder.parent if str(folder.parent) != "." else Path("runs")
    near = list(run_folders_in(parent, f"{glob.escape(folder.name)}*"))
    if near and not folder.exists():
        return max(near, key=lambda run: run.path.stat().st_mtime)
    known = sorted(run.path.name for run in run_folders_in(parent))[-5:]
    hint = f"; runs in {parent}: {', '.join(known)}" if known else ""
    raise NoRunFolder(f"{folder}: no run folder{_why_none(run)}{hint}")


def _why_none(run: RunFolder) -> str:
    """Return what keeps a folder from being a run's, where that is of use."""
    if not run.path.is_dir():
        return ""
    if run.spec_file.is_file():
        return f" ({run.journal.name} is missing; `autopeft run {run.spec_file}` begins a run)"
    return f" ({run.spec_file.name} is missing)"
