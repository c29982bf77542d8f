"""Tiny sweeps on the lab: real jobs, real Ray, a formula in the place of training."""

import json
import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autopeft.clusters.rendezvous import find_rendezvous
from autopeft.spec.load import load_sweep
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import RunFolder, create_run
from tests.live import torque
from tests.live.host import Host
from tests.live.machine import SHARED, USER
from tests.live.waiting import until

PROGRAM = str(Path(sys.prefix) / "bin" / "autopeft")
RUNS = SHARED / "runs"
# Ray starts in 5 s on an idle machine; on one that many share in more than a minute.
UP_WITHIN_S, OVER_WITHIN_S = 240.0, 420.0

# Torque's front ends are Slurm's, and jobs under them have Slurm's variables.
TORQUE_PROLOGUE = """\
export PBS_JOBID="$SLURM_JOB_ID" PBS_NODEFILE="$TMPDIR/nodes.$SLURM_JOB_ID"
scontrol show hostnames "$SLURM_JOB_NODELIST" >"$PBS_NODEFILE"
"""
PROFILES: dict[str, dict[str, Any]] = {
    "slurm": {"profile": "slurm", "memory_gb": 2},
    "sge": {"profile": "sge", "parallel_environment": "ray", "slots_per_host": 1},
    "pbs": {
        "profile": "pbs",
        "launcher": "srun",
        "native": ["-l nodes=2:ppn=1"],
        "scratch": "/tmp",
        "prologue": TORQUE_PROLOGUE,
    },
}
# What `autopeft run` does once it has checked the file, which takes it half a minute here.
SUBMIT = """
import sys
from autopeft.clusters.queued import submit_sweep
from autopeft.tracking.run_folder import open_run
print(submit_sweep(open_run(sys.argv[1])).id)
"""
# What `status` says of the job, without loading what the rest of its page needs.
STANDS = """
import sys
from autopeft.clusters.queued import end_in_words
from autopeft.clusters.standing import standing_of
from autopeft.clusters.sweep_job import job_of
from autopeft.tracking.run_folder import open_run
run = open_run(sys.argv[1])
print(end_in_words(standing_of(job_of(run.sweep(), run.path))))
"""
EVERYWHERE = {"hosts": 2, "cpus_per_host": 1, "walltime": "0:15:00", "warning_s": 60,
              "query_every_s": 2, "environment": {"AUTOPEFT_TRIALS": "trivial"}}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LiveSweep:
    """A sweep that was submitted."""

    run: RunFolder
    kind: str
    job: str
    ctl: Host

    @property
    def exit_file(self) -> Path:
        """Where the script leaves its exit code."""
        return self.run.path / "job" / "exit"

    def history(self) -> History:
        """What has happened so far."""
        return self.run.history()

    def ended(self) -> int:
        """How many trials, baselines included, have ended."""
        if not self.run.journal.exists():
            return 0
        return self.run.journal.read_text(errors="replace").count('"event":"ended"')

    def until_up(self, hosts: int = 2) -> float:
        """Wait until so many hosts are ready; return the seconds it took."""

        def is_up() -> bool:
            found = find_rendezvous(self.run.path)
            return found is not None and sum(host.ready for host in found.hosts) >= hosts

        what = f"{hosts} hosts of {self.run.path.name} are ready"
        return until(what, self._or_over(is_up), within_s=UP_WITHIN_S)

    def until_trials(self, ended: int = 1) -> None:
        """Wait until so many trials have ended."""
        until(f"{ended} trials have ended", self._or_over(lambda: self.ended() >= ended),
              within_s=OVER_WITHIN_S)  # fmt: skip

    def until_log(self, pattern: str, *, within_s: float = 120) -> None:
        """Wait until the job has printed something of this form."""
        until(f"{pattern} in job.log", lambda: bool(re.search(pattern, self.log())),
              within_s=within_s)  # fmt: skip

    def until_over(self, within_s: float = OVER_WITHIN_S) -> int:
        """Wait for the script's exit code; return it."""
        until("the job has ended", self.exit_file.is_file, within_s=within_s)
        return int(self.exit_file.read_text())

    def log(self) -> str:
        """What the job printed."""
        path = self.run.path / "job.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def hosts_used(self) -> Counter[str]:
        """How many trials each host built last."""
        trials = self.history().trials.values()
        return Counter(str(trial.details["host"]) for trial in trials if trial.details)

    def stop(self) -> str:
        """`autopeft stop`; return what it says."""
        return self.autopeft("stop", str(self.run.path))

    def stands(self) -> str:
        """How `autopeft status` would say the job stands."""
        return as_user(self.ctl, self.kind, STANDS, self.run.path)

    def autopeft(self, *words: str, within_s: float = 240) -> str:
        """Run a verb on the submitting host; return what it said."""
        env = environment(self.kind)
        done = self.ctl.run(PROGRAM, *words, user=USER, env=env, timeout_s=within_s)
        assert done.returncode == 0, f"autopeft {' '.join(words)}: {done.stderr}"
        return done.stdout + done.stderr

    def until_ended(self, *, within_s: float = 60) -> str:
        """Wait until `status` says that the job is over; return its words."""
        said: list[str] = []

        def is_over() -> bool:
            said.append(self.stands())
            return any(f": {state}" in said[-1] for state in ("done", "failed", "lost"))

        try:
            until("status says that the job is over", is_over, within_s=within_s)
        except TimeoutError:
            raise AssertionError(f"not within {within_s:g} s; it said {said[-1]}") from None
        return said[-1]

    def cancel_by_hand(self) -> None:
        """End the job as a user does who knows her scheduler and not us."""
        words = {"slurm": "scancel"}.get(self.kind, "qdel")
        self.ctl.do(words, self.job, user=USER, env=environment(self.kind))

    def break_otherwise(self, faults: dict[str, str]) -> None:
        """From now on trials are broken, or slowed, so."""
        (self.run.path / "faults.json").write_text(json.dumps(faults))

    def _or_over(self, holds: Callable[[], bool]) -> Callable[[], bool]:
        def check() -> bool:
            if self.exit_file.is_file() and not holds():
                raise AssertionError(f"the job ended before:\n{self.log()}")
            return holds()

        return check


def environment(kind: str) -> dict[str, str]:
    """What the submitting user's environment has."""
    return torque.ENVIRONMENT if kind == "pbs" else {}


def submit(
    ctl: Host,
    kind: str,
    *,
    name: str = "drill",
    faults: dict[str, str] | None = None,
    search: dict[str, Any] | None = None,
    **words: Any,
) -> LiveSweep:
    """A sweep of 8 trials on both hosts is in the queue of a scheduler."""
    run = make_run(kind, name=name, faults=faults, search=search, **words)
    return LiveSweep(run, kind, as_user(ctl, kind, SUBMIT, run.path), ctl)


def as_user(ctl: Host, kind: str, code: str, run: Path) -> str:
    """Run some Python on a run folder, as the user who submits; return its last line."""
    command = [sys.executable, "-c", code, str(run)]
    said = ctl.do(*command, user=USER, env=environment(kind), timeout_s=240)
    return said.splitlines()[-1]


def make_run(
    kind: str,
    *,
    name: str = "drill",
    faults: dict[str, str] | None = None,
    search: dict[str, Any] | None = None,
    **words: Any,
) -> RunFolder:
    """A run folder of the ordinary user's."""
    RUNS.mkdir(exist_ok=True)
    spec = {
        "name": name,
        "task": {"kind": "contrastive", "data": {"kind": "procedural", "clips": 280}},
        "method": {
            "any_of": [
                {"kind": "lora", "learning_rate": "search", "rank": "search"},
                {"kind": "ia3", "learning_rate": "search"},
            ]
        },
        "training": {"steps": 80, "report_every": 10},
        "search": {
            "trials": 8, "retrain": 0, "baselines": False, "searcher": {"kind": "random"},
            "scheduler": {"kind": "none"}, **(search or {}),
        },
        "tracking": {"enabled": False},
        "cluster": {**PROFILES[kind], **EVERYWHERE, **words},
    }  # fmt: skip
    run = create_run(load_sweep(spec), RUNS)
    (run.path / "faults.json").write_text(json.dumps(faults or {"all": "1000ms"}))
    give(RUNS)
    give(run.path)
    return run


def give(path: Path) -> None:
    """The folder and all in it are the ordinary user's."""
    shutil.chown(path, USER, USER)
    for folder, folders, files in os.walk(path):
        for entry in (*folders, *files):
            shutil.chown(Path(folder, entry), USER, USER)


def ours(hosts: dict[str, Host]) -> list[str]:
    """The user's processes on the hosts that compute."""
    return [
        f"{name} {process.pid} {process.state} {process.command[:120]}"
        for name, host in hosts.items()
        if name != "ctl"
        for process in host.processes(USER)
        if "Z" not in process.state
    ]


def no_process_runs(hosts: dict[str, Host], *, within_s: float = 45.0) -> None:
    """No process of the user's is left on any host."""
    try:
        until("nothing of ours runs", lambda: not ours(hosts), within_s=within_s)
    except TimeoutError:
        raise AssertionError("left behind:\n" + "\n".join(ours(hosts))) from None


def folders(host: Host) -> list[str]:
    """Ray's folders on a host that are ours."""
    return host.do("find", "/tmp", "-maxdepth", "1", "-name", "apeft-*").split()


def nothing_runs(hosts: dict[str, Host]) -> None:
    """No process of the user's is left on any host, and none of our folders."""
    no_process_runs(hosts)
    for name in ("n1", "n2"):
        left = folders(hosts[name])
        assert left == [], f"{name}: {left}"


def wait_a_moment(seconds: float = 1.0) -> None:
    """Let a moment pass, where there is nothing to look for."""
    time.sleep(seconds)
