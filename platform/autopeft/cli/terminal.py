"""Keep a terminal for ourselves while libraries print what they like into a file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from autopeft.core.errors import RunFolderError

# Read by transformers and the Hub's client, here and in the workers, which inherit them.
SILENT = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}


def hush() -> None:
    """Keep the progress bars and advice of libraries off the terminal; call before they load."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def quiet(log: Path) -> Iterator[TextIO]:
    """Send this process's stdout and stderr, and its children's, to ``log``; yield the terminal.

    The redirection is of the file descriptors, since Ray's raylet and C++ code know no
    ``sys.stderr``. Afterwards ``sys.stderr`` is the terminal again, but the descriptors stay on
    the log: libraries say their last words at exit.

    Raises:
        RunFolderError: The log cannot be written.
    """
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise RunFolderError(f"{log}: cannot be written: {error.strerror}") from error
    hush()
    sys.stdout.flush()
    sys.stderr.flush()
    terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    try:
        yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stderr = terminal
