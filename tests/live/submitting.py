"""Job scripts handed to the real schedulers by hand, for tests of the lab itself."""

from dataclasses import dataclass
from pathlib import Path

from tests.live import torque
from tests.live.host import Host
from tests.live.machine import SHARED, USER


@dataclass(frozen=True, slots=True)
class Done:
    """A job that has ended: how, and what it printed."""

    exit_code: int
    output: str


def write_script(name: str, body: str) -> Path:
    """A job script on the shared file system, which any user may read."""
    path = SHARED / name
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)
    return path


def sbatch(ctl: Host, name: str, body: str, *options: str, within_s: float = 60) -> Done:
    """A Slurm job, run to its end."""
    out = SHARED / f"{name}.out"
    words = [*options, f"--output={out}", str(write_script(f"{name}.sh", body))]
    done = ctl.run("sbatch", "--wait", *words, user=USER, timeout_s=within_s)
    return Done(done.returncode, _text(out, done.stderr))


def qsub(ctl: Host, name: str, body: str, *options: str, within_s: float = 60) -> Done:
    """A Grid Engine job, run to its end."""
    out = SHARED / f"{name}.out"
    words = ["-sync", "y", "-cwd", "-j", "y", "-o", str(out), *options]
    script = str(write_script(f"{name}.sh", body))
    done = ctl.run("qsub", *words, script, user=USER, timeout_s=within_s)
    return Done(done.returncode, _text(out, done.stderr))


def torque_qsub(ctl: Host, name: str, body: str, *options: str) -> str:
    """A PBS job, submitted; its id. Its output comes into the shared folder."""
    words = ["-j", "oe", "-o", str(SHARED / f"{name}.out"), *options]
    script = str(write_script(f"{name}.sh", body))
    return ctl.do("qsub", *words, script, user=USER, env=torque.ENVIRONMENT).strip()


def _text(out: Path, otherwise: str) -> str:
    return out.read_text() if out.is_file() else otherwise
