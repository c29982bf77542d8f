"""The reading end of a journal that is still being written: what is new since the last look."""

from pathlib import Path

from pydantic import ValidationError

from autopeft.core.errors import RunFolderError
from autopeft.tracking.events import EVENTS, AnyEvent


class Tail:
    """Reads a journal line by line and remembers how far it came.

    The file itself is the queue: nothing is kept in memory, however long the reader lags behind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def read(self, limit: int = 2000) -> list[AnyEvent]:
        """Return the next events, at most ``limit``; none if there is nothing new.

        A line without its newline is still being written and is left for the next look. So is a
        damaged one, if there are whole ones before it: first these are returned.

        Raises:
            RunFolderError: The journal cannot be read, or the next line is damaged.
        """
        if not self.path.exists():
            return []
        events: list[AnyEvent] = []
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                while len(events) < limit and (line := file.readline()).endswith(b"\n"):
                    events.append(EVENTS.validate_json(line))
                    self._offset += len(line)
        except OSError as error:
            raise RunFolderError(f"{self.path}: cannot be read: {error.strerror}") from error
        except ValidationError as error:
            if events:
                return events
            raise RunFolderError(
                f"{self.path}: damaged line at byte {self._offset}; restore the file from a copy"
            ) from error
        return events

    @property
    def is_behind(self) -> bool:
        """Whether the file holds more than was read."""
        return self.path.exists() and self.path.stat().st_size > self._offset
