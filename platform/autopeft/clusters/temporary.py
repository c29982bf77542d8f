"""Ray's temporary folder: private, of a short path, and gone when its owner is.

An owner holds a lock in it for as long as it lives; a folder whose lock is free was left behind by
one that was killed, and the next start on that host removes it.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Self

from autopeft.core.errors import ClusterError

# Ray's sockets lie below its temporary folder, and a socket's path must fit in 107 bytes.
LONGEST_TEMP_PATH = 40
PREFIX = "apeft-"
LOCK = "owner"


def short_folder() -> Path:
    """Return a new private folder whose path is short enough for Ray's sockets.

    Raises:
        ClusterError: There is no such place on this host.
    """
    places = _places()
    for parent in places:
        try:
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        except OSError:  # full, or no longer writable
            continue
    raise ClusterError(
        f"no short writable folder for Ray's sockets: {tempfile.gettempdir()} and /tmp are too "
        "long, full or read-only; set TMPDIR to a short writable path"
    )


def _places() -> list[Path]:
    wanted = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm"))
    return [p for p in wanted if len(str(p)) < LONGEST_TEMP_PATH and os.access(p, os.W_OK)]


class OwnedFolder:
    """A short folder that is this process's own until it is left."""

    def __init__(self) -> None:
        self.path = short_folder()
        self._lock: int | None = os.open(self.path / LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder; twice is fine."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_ownerless() -> list[Path]:
    """Remove this user's folders whose owner has ended without doing so; return them."""
    gone = []
    for parent in _places():
        for folder in parent.glob(f"{PREFIX}*"):
            if _has_no_owner(folder):
                shutil.rmtree(folder, ignore_errors=True)
                gone.append(folder)
    return gone


def _has_no_owner(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_WRONLY | os.O_NOFOLLOW)
    except OSError:  # another's, or made otherwise
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
