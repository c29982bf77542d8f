"""This machine as a scheduler: jobs are processes, run at once, so many side by side as fit."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from autopeft.clusters.base import CONTINUE, Chunk, Job, JobState, Seen, exit_of_signal
from autopeft.clusters.shell import start_apart

ELEMENT = "AUTOPEFT_ELEMENT"
POLL_S = 0.05
END_WITHIN_S = 10


class Processes:
    """What a script needs to know of a machine without a scheduler: nothing is asked for."""

    kind = "local"
    directive = ""
    job_variable = "BASHPID"
    task_variable = ELEMENT
    warns_itself = True

    def options(self, job: Job) -> Iterator[str]:
        """Yield nothing."""
        yield from ()

    def launch(self, job: Job) -> tuple[str, ...]:
        """Return mpirun."""
        return ("mpirun", "-np", str(job.processes))

    def again(self, job: Job) -> int:
        """Return the command's own."""
        return CONTINUE

    def go_on(self, job: Job) -> Iterator[str]:
        """Yield that there is no other allocation."""
        yield "return 1"


def run_here(
    job: Job,
    *,
    slots: int,
    tell: Callable[[Chunk | None, Seen], None],
) -> dict[Chunk | None, Seen]:
    """Run every element, at most ``slots`` at a time; return what became of them.

    Whatever ends this early ends what was started: first it is asked, then killed.
    """
    waiting: list[tuple[int, Chunk | None]] = list(enumerate(job.chunks or (None,), start=1))
    running: dict[Chunk | None, subprocess.Popen[bytes]] = {}
    found: dict[Chunk | None, Seen] = {}
    try:
        while waiting or running:
            while waiting and len(running) < slots:
                place, chunk = waiting.pop(0)
                environment = {**os.environ, ELEMENT: str(place)}
                with (job.records / "scheduler.log").open("ab") as output:
                    running[chunk] = start_apart(
                        ["bash", str(job.script)], environment=environment, output=output
                    )
                tell(chunk, Seen(JobState.RUNNING))
            for chunk, process in list(running.items()):
                if (code := process.poll()) is not None:
                    del running[chunk]
                    with suppress(ProcessLookupError):  # what it left behind
                        os.killpg(process.pid, signal.SIGKILL)
                    found[chunk] = _seen(code)
                    tell(chunk, found[chunk])
            time.sleep(POLL_S)
    finally:
        end(list(running.values()))
    return found


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes and all they have started."""
    for number, patience_s in ((signal.SIGTERM, END_WITHIN_S), (signal.SIGKILL, END_WITHIN_S)):
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and any(p.poll() is None for p in processes):
            time.sleep(POLL_S)


def _seen(code: int) -> Seen:
    if code < 0:
        return Seen(
            JobState.FAILED, exit_of_signal(-code), f"killed by {signal.Signals(-code).name}"
        )
    return Seen(JobState.FAILED if code else JobState.DONE, code)
