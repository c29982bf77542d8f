"""A folder that is there whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autopeft.core.errors import InputError, RunFolderError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder beside ``out`` that becomes it when all went well."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: stands there already; choose another name")
    draft = out.resolve().with_name(f".{out.resolve().name}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        yield draft
        if out.is_dir():
            out.rmdir()
        draft.rename(out.resolve())
    except OSError as error:
        raise RunFolderError(f"{out}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
