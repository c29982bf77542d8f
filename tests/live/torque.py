"""PBS on the lab: Torque's qsub, qstat and qdel in front of Slurm, on a PATH of their own."""

from pathlib import Path

from tests.live.host import PATH
from tests.live.machine import LAB
from tests.live.packages import TORQUE_FOLDER

BIN = LAB / "torque"
# What a user of the PBS cluster has; without it, qsub is Grid Engine's.
ENVIRONMENT = {"PATH": f"{BIN}:{PATH}"}
# PBS's qstat has options for ended jobs (-x) and elements (-t), which the front end shows anyway
# but does not take; and it shows Exit_status (256 + signal for one that was killed; none for one
# that never ran), which the front end leaves to Slurm's scontrol.
QSTAT = f"""\
#!/bin/bash
words=()
for word in "$@"; do case "$word" in -x|-t) ;; *) words+=("$word") ;; esac; done
{TORQUE_FOLDER}/usr/bin/qstat "${{words[@]}}" | awk '
  {{ sub(/^\\t/, "    "); print }}
  /^Job Id:/ {{ id = $3 }}
  /job_state = C/ {{
    show = "scontrol --oneliner show job " id; show | getline job; close(show)
    if (job ~ / NodeList=\\(null\\)/) next
    sub(/.* ExitCode=/, "", job); split(job, code, /[: ]/)
    print "    Exit_status = " (code[2] > 0 ? 256 + code[2] : code[1])
  }}'
exit "${{PIPESTATUS[0]}}"
"""


def prepare() -> None:
    """The folder for PATH is there: the front ends look for Slurm's commands beside themselves."""
    BIN.mkdir()
    for tool in (TORQUE_FOLDER / "usr" / "bin").iterdir():
        (BIN / tool.name).symlink_to(tool)
    (BIN / "qstat").unlink()
    (BIN / "qstat").write_text(QSTAT)
    (BIN / "qstat").chmod(0o755)
    for name in ("sbatch", "salloc", "srun"):
        (BIN / name).symlink_to(Path("/usr/bin") / name)
