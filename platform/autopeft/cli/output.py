"""The answer goes to stdout, progress and advice to stderr."""

import json
import math
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 120  # of what is not a terminal, so that tables are not cut to 80 columns


def answer(text: str) -> None:
    """Print a line of the answer."""
    print(text)


def answer_json(value: Any) -> None:
    """Print the answer for a program."""
    print(json.dumps(_json(value), indent=2, ensure_ascii=False, allow_nan=False, default=str))


def answer_table(renderable: "RenderableType") -> None:
    """Print what rich renders."""
    console(sys.stdout).print(renderable)


def say(text: str) -> None:
    """Print a line of progress or advice."""
    print(text, file=sys.stderr, flush=True)


def _json(value: Any) -> Any:
    """Return ``value`` with null for NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def console(file: TextIO) -> "Console":
    """Return a console on ``file``; wide where nobody looks at it, since a program may."""
    from rich.console import Console

    width = None if file.isatty() else shutil.get_terminal_size((WIDTH, 0)).columns
    return Console(file=file, width=width, highlight=False, soft_wrap=False)


def short(path: Path) -> str:
    """Return a path as one would type it from here.

    Example:
        >>> short(Path.cwd() / "runs" / "a"), short(Path("/nowhere/runs/a"))
        ('runs/a', '/nowhere/runs/a')
    """
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
