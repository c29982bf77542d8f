"""A promoted trial takes another's checkpoint, before its next attempt begins."""

import os
import shutil
from contextlib import suppress

from autopeft.core.errors import RunFolderError
from autopeft.tracking.events import AnyEvent, Promoted
from autopeft.tracking.run_folder import RunFolder

CHECKPOINT = "checkpoint.pt"


def inherit(run: RunFolder, event: AnyEvent) -> None:
    """Copy the source's checkpoint where an event says so; doing it again changes nothing.

    The source is paused at the same step until the copy is there: it is promoted after its copies.

    Raises:
        RunFolderError: The copy cannot be written; the one before stays.
    """
    if not isinstance(event, Promoted) or event.source is None:
        return
    source, target = run.trial(event.source) / CHECKPOINT, run.trial(event.trial) / CHECKPOINT
    if not source.exists():  # as after a loss of the disk: the trial goes on from its own
        return
    temporary = target.with_name(f".{CHECKPOINT}.{os.getpid()}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RunFolderError(f"{target}: cannot be written: {error.strerror}") from error
