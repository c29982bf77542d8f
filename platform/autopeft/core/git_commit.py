"""Which commit files are of."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def commit_of(folders: Sequence[Path]) -> str | None:
    """Return the commit of the first of ``folders`` that lies in a checkout, if one does.

    Where files that git knows differ from it, ``-dirty`` stands behind the hash.
    """
    return next((commit for folder in folders if (commit := _commit(folder))), None)


def typed_in() -> Path:
    """Return the folder that the command was typed in, by the name it has there."""
    return Path(os.environ.get("PWD", "."))


def _commit(folder: Path) -> str:
    words = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    command = ["git", "-C", str(folder), *words]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
