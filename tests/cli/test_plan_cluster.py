"""`autopeft plan` for a cluster: the job script, and nothing submitted."""

import json
import subprocess

import pytest

from autopeft.cli.main import main


@pytest.mark.parametrize("profile", ["slurm", "tsubame4", "abci3", "gpu_slurm", "pbs"])
def test_the_job_script_is_printed_and_nothing_is_submitted(
    search_file, tmp_path, monkeypatch, capsys, profile
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    before = sorted(tmp_path.rglob("*"))
    assert main(["plan", str(search_file), f"cluster={profile}"]) == 0
    said = capsys.readouterr().out
    assert "begins with" in said
    script = said[said.index("#!/bin/bash") :]
    assert f"drive {tmp_path}/runs/small-TIME </dev/null &" in script
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_script_is_part_of_the_json(search_file, capsys):
    words = ["cluster.profile=slurm", "cluster.walltime=2h", "cluster.hosts=3"]
    search_file.write_text(search_file.read_text() + "cluster: {profile: slurm}\n")
    assert main(["plan", str(search_file), *words[1:], "--json"]) == 0
    script = json.loads(capsys.readouterr().out)["script"]
    assert "#SBATCH --time=2:00:00" in script
    assert "#SBATCH --nodes=3" in script
    assert "#SBATCH --signal=B:USR1@120" in script


def test_a_sweep_on_this_machine_has_no_script(search_file, capsys):
    assert main(["plan", str(search_file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["script"] is None


def test_the_cluster_can_be_named_beside_the_file(search_file, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text("kind: pbs\nqueue: long\n")
    for name, line in (("slurm", "#SBATCH --nodes=1"), ("site.yaml", "#PBS -q long")):
        assert main(["plan", str(search_file), "--cluster", name]) == 0
        assert line in capsys.readouterr().out


def test_what_cannot_be_submitted_here_is_said_and_leaves_nothing(
    search_file, capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", "/nowhere")
    code = main(["run", str(search_file), "cluster=slurm", "--runs", str(tmp_path / "runs")])
    assert code == 1
    assert "sbatch: no such command on this host" in capsys.readouterr().err
    assert not list((tmp_path / "runs").iterdir())
