"""What on this machine would bite, and how to mend it."""

from collections.abc import Callable, Iterator, Sequence

from autopeft.doctor.finding import Finding, Level, failed, finding_text
from autopeft.doctor.libraries import (
    check_packages,
    check_python,
    check_ray,
    check_sound_formats,
    check_torch,
)
from autopeft.doctor.machine import (
    check_disk,
    check_open_files,
    check_processes,
    check_shared_memory,
    check_temp_path,
)
from autopeft.doctor.store import check_tracking
from autopeft.spec.tracking import Tracking

__all__ = ["Finding", "Level", "examine", "failed", "finding_text"]


def examine(tracking: Tracking | None = None) -> Iterator[Finding]:
    """Yield a finding for each check, the quick ones first.

    Args:
        tracking: Of a search file; by default the sqlite beside ``runs/`` here.
    """
    checks: Sequence[Callable[[], Finding]] = (
        check_python, check_packages, check_open_files, check_processes, check_shared_memory,
        check_temp_path, check_disk, lambda: check_tracking(tracking or Tracking()),
        check_sound_formats, check_torch, check_ray,
    )  # fmt: skip
    for check in checks:
        yield check()
