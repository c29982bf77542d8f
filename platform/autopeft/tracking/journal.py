"""``journal.jsonl``: one writer, one line per event, on disk before anything else learns of it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from autopeft.core.errors import RunFolderError
from autopeft.tracking.events import EVENTS, AnyEvent, Ended, SweepEnded

Listener = Callable[[AnyEvent], None]


class Journal:
    """The writing end; holds a lock so that two drivers never write to one run.

    Every event is flushed to the operating system before listeners hear of it (a killed driver
    loses nothing); the end of a trial also goes to the disk (``fsync``).

    Raises:
        RunFolderError: The folder cannot be written, or another driver has it open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listeners: list[Listener] = []
        self._lock = FileLock(path.with_suffix(".lock"))
        try:
            self._lock.acquire(timeout=0)
            _drop_torn_tail(path)
            # Unbuffered: what a full disk refused must not come out of a buffer later, when
            # there is room again, and stand in the journal as half a line.
            self._file = path.open("ab", buffering=0)
        except Timeout:
            raise RunFolderError(
                f"{path}: another driver is running this sweep; wait for it, or `autopeft stop` it"
            ) from None
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from error

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every event from now on, after it is on disk."""
        self._listeners.append(listener)

    def write(self, event: AnyEvent) -> None:
        """Append one event, then tell the listeners.

        Raises:
            RunFolderError: The disk is full or gone; nothing is half written, the line is cut off.
        """
        line = event.model_dump_json().encode() + b"\n"
        try:
            end = os.fstat(self._file.fileno()).st_size
            try:
                self._append(line)
            except OSError:
                os.ftruncate(self._file.fileno(), end)
                raise
            if isinstance(event, Ended | SweepEnded):
                os.fsync(self._file.fileno())
        except OSError as error:
            raise RunFolderError(
                f"{self.path}: cannot be written: {error.strerror}; free some space, then "
                f"`autopeft resume {self.path.parent}`"
            ) from error
        for listener in self._listeners:
            listener(event)

    def close(self) -> None:
        """Close the file and let others write; closing twice is fine."""
        self._file.close()
        self._lock.release()

    def _append(self, line: bytes) -> None:
        """Write all of ``line``; a nearly full disk takes a part of it before it complains."""
        while line:
            line = line[self._file.write(line) or 0 :]


def has_writer(path: Path) -> bool:
    """Whether a driver holds the journal, that is, the sweep is going on."""
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # a folder that is not ours to write; its owner's driver may be at it
        return True
    lock.release()
    return False


def read_journal(path: Path) -> Iterator[AnyEvent]:
    """Yield the events of a journal; a torn last line is dropped.

    Raises:
        RunFolderError: There is no journal, or a line before the last is damaged.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        if number == len(lines) and not line.endswith(b"\n"):
            return
        try:
            yield EVENTS.validate_json(line)
        except ValidationError as error:
            raise RunFolderError(
                f"{path}:{number}: damaged line: {line[:80]!r}; restore the file from a copy, or "
                "cut it before this line to lose what came after"
            ) from error


def _drop_torn_tail(path: Path) -> None:
    """Cut a last line without its newline: the event a killed driver was writing."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
