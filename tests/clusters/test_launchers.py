"""Every launcher gets a script, the host, and nothing that a shell would take apart."""

from pathlib import Path
from typing import get_args

import pytest

from autopeft.clusters.launchers import launch_words
from autopeft.spec.cluster import Launcher

SCRIPT = Path("/runs/my sweep/hosts/n2.sh")


@pytest.mark.parametrize("launcher", get_args(Launcher))
def test_the_script_is_the_last_word(launcher: Launcher) -> None:
    words = launch_words(launcher, "n2", place=1, cpus=4, script=SCRIPT)
    assert words[0] == launcher
    assert words[-1] == str(SCRIPT)
    assert any("n2" in word for word in words[:-1]) or launcher == "pbsdsh"


def test_pbsdsh_knows_hosts_by_their_place() -> None:
    assert launch_words("pbsdsh", "n2", place=3, cpus=1, script=SCRIPT)[1:3] == ["-n", "3"]


def test_a_slurm_step_outlives_a_lost_host_and_has_all_cpus() -> None:
    words = launch_words("srun", "n2", place=1, cpus=4, script=SCRIPT)
    assert {"--no-kill", "--overlap", "--cpus-per-task=4", "--nodelist=n2"} <= set(words)
