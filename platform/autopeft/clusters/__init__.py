"""Get machines, start the driver or any command on them, watch, stop."""

from autopeft.core.choices import Choices

DIALECTS = Choices(
    "scheduler",
    "dialects",
    {
        "slurm": "autopeft.clusters.slurm:Slurm",
        "sge": "autopeft.clusters.sge:Sge",
        "pbs": "autopeft.clusters.pbs:Pbs",
    },
)
