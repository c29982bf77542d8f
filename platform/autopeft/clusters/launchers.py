"""How one command is started on another host of a job, by each launcher.

The command is always a script on the shared file system: Grid Engine and ssh join their words and
give them to a shell, so a script is what all of them pass on unharmed.
"""

from collections.abc import Callable
from pathlib import Path

from autopeft.spec.cluster import Launcher


def _srun(host: str, place: int, cpus: int, script: str) -> list[str]:
    # --no-kill and --overlap: the step outlives a lost host, and takes nothing from other steps.
    # --cpus-per-task: since 22.05 a step does not inherit the job's, and would be bound to one CPU.
    return ["srun", "--nodes=1", "--ntasks=1", f"--nodelist={host}", f"--cpus-per-task={cpus}",
            "--cpu-bind=none", "--overlap", "--no-kill", "--kill-on-bad-exit=0", "--input=none",
            "--unbuffered", script]  # fmt: skip


def _qrsh(host: str, place: int, cpus: int, script: str) -> list[str]:
    return ["qrsh", "-inherit", "-nostdin", host, script]


def _pbsdsh(host: str, place: int, cpus: int, script: str) -> list[str]:
    return ["pbsdsh", "-n", str(place), "--", script]


def _mpirun(host: str, place: int, cpus: int, script: str) -> list[str]:
    return ["mpirun", "-np", "1", "--host", host, script]


def _ssh(host: str, place: int, cpus: int, script: str) -> list[str]:
    options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new"]
    return ["ssh", "-n", *options, host, script]


_WORDS: dict[Launcher, Callable[[str, int, int, str], list[str]]] = {
    "srun": _srun,
    "qrsh": _qrsh,
    "pbsdsh": _pbsdsh,
    "mpirun": _mpirun,
    "ssh": _ssh,
}


def launch_words(
    launcher: Launcher, host: str, *, place: int, cpus: int, script: Path
) -> list[str]:
    """Return the command that runs ``script`` once on ``host``.

    Args:
        launcher: The profile's.
        host: As the scheduler calls it.
        place: Its place among the job's hosts, from 0; ``pbsdsh`` knows hosts by it.
        cpus: The job's CPUs on it.
        script: An executable file that the host sees.

    Example:
        >>> launch_words("qrsh", "n2", place=1, cpus=4, script=Path("/r/hosts/n2.sh"))
        ['qrsh', '-inherit', '-nostdin', 'n2', '/r/hosts/n2.sh']
    """
    return _WORDS[launcher](host, place, cpus, str(script))
