"""Where things lie: files shipped with the package, and files written so that none is half."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autopeft.core.errors import RunFolderError

PACKAGE = Path(__file__).parent.parent


def shipped(folder: str) -> Path:
    """Return a shipped data folder (``search_spaces`` or ``clusters``), in a wheel or a checkout.

    Raises:
        FileNotFoundError: Neither place holds it; the installation is damaged.
    """
    for place in (PACKAGE / "shipped" / folder, PACKAGE.parent.parent / folder):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"{folder} is neither in {PACKAGE}/shipped nor in the checkout")


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn what the disk refuses into a sentence that names the place.

    Raises:
        RunFolderError: It is read-only, full, or gone.
    """
    try:
        yield
    except OSError as error:
        raise RunFolderError(f"{place}: cannot be written: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """Write ``text`` under a temporary name and rename, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_private(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all, into a file that only its owner reads (mode 0600)."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def private_folder(path: Path) -> Path:
    """Create ``path`` with mode 0700 and return it.

    The mode is set also where the folder stood before: what a sweep writes is its owner's.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path
