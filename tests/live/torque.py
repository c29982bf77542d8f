"""PBS on the lab: Torque's qsub, qstat and qdel in front of Slurm, on a PATH of their own."""

from pathlib import Path

from tests.live.host import PATH
from tests.live.machine import LAB
from tests.live.packages import TORQUE_FOLDER

BIN = LAB / "torque"
# What a user of the PBS cluster has; without it, qsub is Grid Engine's.
ENVIRONMENT = {"PATH": f"{BIN}:{PATH}"}


def prepare() -> None:
    """The folder for PATH is there: the front ends look for Slurm's commands beside themselves."""
    BIN.mkdir()
    for tool in (TORQUE_FOLDER / "usr" / "bin").iterdir():
        (BIN / tool.name).symlink_to(tool)
    for name in ("sbatch", "salloc", "srun"):
        (BIN / name).symlink_to(Path("/usr/bin") / name)
