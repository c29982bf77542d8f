"""A sweep inside a job: Ray on all its hosts, the driver as a child, time kept for both.

The driver is a process of its own, so that whatever kills it leaves the hosts as they are: the next
one goes on from the journal on workers that are already there. A head that dies takes its driver
with it, and both are started again.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, Self

import psutil

from autopeft.clusters.allocation import read_allocation
from autopeft.clusters.base import BEGAN, CONTINUE
from autopeft.clusters.driver import (
    FINAL,
    INTERRUPTED,
    LEAVE,
    MAX_RESTARTS,
    Lives,
    driver_environment,
    driver_words,
    name_of_exit,
    program,
)
from autopeft.clusters.ray_head import Cancelled
from autopeft.clusters.ray_hosts import RayHosts
from autopeft.clusters.shell import end_session, start_bound
from autopeft.core.errors import ClusterError
from autopeft.spec.cluster import AnyQueuedProfile
from autopeft.tracking.run_folder import RunFolder

POLL_S = 0.2
# Of the time between the warning and the walltime, trials may use this much to reach a report.
SHARE_FOR_TRIALS = 0.6
# A driver that is told to stop, and then one that does not. Slurm kills 30 s after TERM.
STOPS_WITHIN_S = 8.0
# `ray start` looks after its processes once a second.
HEAD_IS_SEEN_WITHIN_S = 2.5
# A scheduler ends a job at its walltime or later; it began to count before the script did.
CLOCKS_DIFFER_S = 30.0

Say = Callable[[str], None]


def drive_in_job(run: RunFolder, profile: AnyQueuedProfile, *, say: Say) -> int:
    """Drive the sweep on the hosts of this job; return the exit code of the job.

    Returns:
        The driver's: 0 done, 1 failed, 2 asked wrongly; 130 if somebody asked to stop; ``CONTINUE``
        if the walltime came first and another job may go on.

    Raises:
        ClusterError: This is no job, hosts are missing, or Ray does not start.
    """
    with Told(profile, began_s_ago=began_s_ago(os.environ, time.time())) as told:
        allocation = read_allocation(profile, os.environ)
        say(f"job {allocation.job}: {len(allocation.hosts)} hosts: {', '.join(allocation.hosts)}")
        hosts = RayHosts(
            run.path, profile, allocation, program=program(), say=say,
            is_cancelled=lambda: told.must_end,
        )  # fmt: skip
        try:
            with hosts:
                code = _drive(run, hosts, told, say)
                hosts.goes_on = code == CONTINUE
                return code
        except Cancelled:
            return told.code


class Told:
    """What the scheduler, or a person, has told this job, and when it ends by the clock.

    USR1 is the warning before the walltime, on every scheduler: where it sends none, the job's
    script does. TERM and KILL are how all of them cancel a job, and also how they end one whose
    walltime is over; so TERM means that only when it is, and a cancellation also after the warning.
    """

    def __init__(
        self,
        profile: AnyQueuedProfile,
        *,
        clock: Callable[[], float] = time.monotonic,
        began_s_ago: float = 0.0,
    ) -> None:
        self.warned_at: float | None = None
        self.stopped = False
        self.for_trials_s = profile.warning_s * SHARE_FOR_TRIALS
        self._clock = clock
        early_s = min(CLOCKS_DIFFER_S, profile.walltime / 10)
        self._late_at = clock() - began_s_ago + profile.walltime - early_s
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            self._before[number] = signal.getsignal(number)
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def must_end(self) -> bool:
        """Whether anything was told."""
        return self.stopped or self.warned_at is not None

    @property
    def code(self) -> int:
        """The exit code of a job that ends because it was told to."""
        return INTERRUPTED if self.stopped else CONTINUE

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = self._clock()
        late = number == signal.SIGTERM and now >= self._late_at
        if number == signal.SIGUSR1 or late:
            self.warned_at = self.warned_at or now
        else:
            self.stopped = True


def began_s_ago(environ: Mapping[str, str], now: float) -> float:
    """Return how long the job's script has run, by what it exports; 0 if it does not say.

    Example:
        >>> began_s_ago({"JOB_BEGAN": "1000"}, 1012.5), began_s_ago({}, 1012.5)
        (12.5, 0.0)
    """
    began = environ.get(BEGAN, "")
    return max(now - int(began), 0.0) if began.isdigit() else 0.0


def _drive(run: RunFolder, hosts: RayHosts, told: Told, say: Say) -> int:
    """Run the driver, and what it needs, until one of them has the last word."""
    lives, began = Lives(run), psutil.Process().create_time()
    while True:
        hosts.bring_up()
        say(f"hosts ready after {time.time() - began:.1f} s")
        environment = driver_environment(**hosts.environment, RAY_ADDRESS=hosts.address)
        driver = start_bound(driver_words(run), environment=environment)
        try:
            code = _attend(driver, hosts, told, say)
        finally:
            end_session(driver, patience_s=STOPS_WITHIN_S)
        if code == 0:
            return code
        if told.must_end:
            return told.code
        if code in FINAL and hosts.is_head_alive:
            return code
        if not lives.another():
            raise ClusterError(
                f"the driver died {MAX_RESTARTS} times without progress; see {run.driver_log}"
            )
        died = f"the driver died ({name_of_exit(code)})"
        if not hosts.is_head_alive:
            died = f"Ray's head died. Its last lines:\n{hosts.last_words()}"
        say(f"{died}\nstarting again from the journal")
        began = time.time()


def _attend(driver: "subprocess.Popen[bytes]", hosts: RayHosts, told: Told, say: Say) -> int:
    """Watch hosts, clock and signals while the driver runs; return its exit code.

    A driver may end by what became of Ray under it, whatever code it gives; so before a bad one is
    believed, Ray has time to show that it is dead.
    """
    asked_at: float | None = None
    while (code := driver.poll()) is None:
        now = time.monotonic()
        if not hosts.is_head_alive:
            return _stop(driver)
        if told.stopped:
            return _stop(driver)
        if told.warned_at is not None:
            if asked_at is None:
                asked_at = now
                say("the walltime ends soon: trials stop at their next report")
                _send(driver, LEAVE)
            if now - asked_at > told.for_trials_s:
                say("trials that have made no report lose their steps since the last one")
                return _stop(driver)
        hosts.look()
        time.sleep(POLL_S)
    deadline = time.monotonic() + HEAD_IS_SEEN_WITHIN_S
    while code not in (0, CONTINUE) and hosts.is_head_alive and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return code


def _stop(driver: "subprocess.Popen[bytes]") -> int:
    """Ask the driver to stop as Ctrl-C would; return its exit code, or that of a killed one."""
    _send(driver, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        return driver.wait(STOPS_WITHIN_S)
    return -signal.SIGKILL


def _send(driver: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError):
        driver.send_signal(number)
