"""The lab does what a real cluster does, before any drill relies on it."""

import signal
import sys

import pytest

from tests.live import bare_ray, faults, network, slurm_lab, submitting, torque
from tests.live.host import Host
from tests.live.machine import SHARED, USER
from tests.live.waiting import until

pytestmark = pytest.mark.core


def test_each_host_has_its_own_name_processes_and_tmp(n1: Host, n2: Host) -> None:
    assert n1.do("hostname") == "n1\n"
    n1.do("touch", "/tmp/only-here", user=USER)
    assert n2.run("test", "-e", "/tmp/only-here").returncode == 1
    sleeping = n1.start("sleep", "77", user=USER)
    until("the process shows", lambda: "sleep 77" in commands(n1))
    assert "sleep 77" not in commands(n2)
    faults.kill_matching(n1, "sleep 77")
    assert sleeping.wait(10) == -signal.SIGKILL
    assert "sleep 77" not in commands(n1)


def test_what_a_user_writes_in_the_shared_folder_is_seen_everywhere(n1: Host, n2: Host) -> None:
    n1.do("bash", "-c", f"echo seen > {SHARED}/seen", user=USER)
    assert n2.do("cat", f"{SHARED}/seen", user=USER) == "seen\n"


def test_a_cable_can_be_pulled(n1: Host, n2: Host) -> None:
    assert reaches(n1, n2)
    with faults.unreachable(n2):
        assert not reaches(n1, n2)
    assert reaches(n1, n2)


def test_tmp_can_be_full(n1: Host) -> None:
    fill = ["dd", "if=/dev/zero", "of=/tmp/filler", "bs=1M", "count=20"]
    held_mb = int(n1.do("df", "--output=used", "--block-size=1M", "/tmp").split()[1])  # by drills
    with faults.small(n1, "/tmp", mb=held_mb + 8):
        full = n1.run(*fill, user=USER)
        assert "No space left on device" in full.stderr
        n1.do("rm", "/tmp/filler")
    n1.do(*fill, user=USER)
    n1.do("rm", "/tmp/filler")


def test_the_python_of_this_checkout_imports_ray_as_the_user(n1: Host) -> None:
    code = "import autopeft, ray, os; print(ray.__version__, os.getuid() >= 1000)"
    assert n1.do(sys.executable, "-c", code, user=USER).split()[1] == "True"


def test_slurm_runs_on_both_hosts(slurm: Host) -> None:
    printed = slurm.do("srun", "--nodes=2", "hostname", user=USER)
    assert sorted(printed.split()) == ["n1", "n2"]


def test_slurm_passes_the_exit_code(slurm: Host) -> None:
    assert submitting.sbatch(slurm, "three", "exit 3").exit_code == 3


def test_slurm_without_its_database_still_knows_how_jobs_ended(slurm: Host) -> None:
    job = submitting.sbatch(slurm, "seven", "echo $SLURM_JOB_ID; exit 7").output.strip()
    assert "ExitCode=7:0" in slurm.do("scontrol", "show", "job", job, user=USER)
    words = ["--completion", "--parsable2", "--noheader", "--format=jobid,state,exitcode"]
    assert f"{job}|FAILED|7:0" in slurm.do("sacct", *words, user=USER).splitlines()
    refused = slurm.run("sacct", "-j", job, user=USER)
    assert refused.returncode == 1
    assert "accounting storage is disabled" in refused.stderr


def test_slurm_warns_before_the_walltime(slurm: Host) -> None:
    waits = "trap 'echo warned; exit 5' USR1\nfor i in {1..200}; do sleep 1 & wait $!; done"
    options = ["--time=1", "--signal=B:USR1@30"]
    done = submitting.sbatch(slurm, "warned", waits, *options, within_s=120)
    # Now and then slurmstepd adds that it found nobody to signal any more: the job was that quick.
    said = [line for line in done.output.splitlines() if not line.startswith("slurmstepd-")]
    assert (done.exit_code, said) == (5, ["warned"])


def test_slurm_starts_a_requeued_job_again(slurm: Host, nothing_left: None) -> None:
    body = 'echo "start $SLURM_RESTART_COUNT"; [ -n "$SLURM_RESTART_COUNT" ] || sleep 300'
    out = SHARED / "again.out"
    script = submitting.write_script("again.sh", body)
    words = ["--parsable", "--requeue", "--open-mode=append", f"--output={out}", str(script)]
    job = slurm.do("sbatch", *words, user=USER).strip()
    until("the job runs", lambda: out.is_file() and "start" in out.read_text())
    faults.requeue(slurm, job)
    until("it runs again", lambda: "start 1\n" in out.read_text(), within_s=60)


def test_slurm_notices_a_lost_host(slurm: Host, n2: Host) -> None:
    with faults.unreachable(n2):
        until("n2 is lost", lambda: slurm_lab.idle(slurm) == ["n1"], within_s=90)
    until("n2 is back", lambda: slurm_lab.idle(slurm) == ["n1", "n2"], within_s=60)


def test_grid_engine_reaches_the_other_host_of_a_job(sge: Host) -> None:
    body = "qrsh -inherit -nostdin n2 hostname; cut -d' ' -f1 $PE_HOSTFILE; exit 3"
    done = submitting.qsub(sge, "inherit", body, "-pe", "ray", "2")
    assert done.exit_code == 3
    assert done.output.split()[0] == "n2"
    assert sorted(done.output.split()[1:]) == ["n1", "n2"]


def test_grid_engine_accounts_for_a_job(sge: Host) -> None:
    job = submitting.qsub(sge, "account", "echo $JOB_ID; exit 4").output.strip()
    until("it stands in accounting", lambda: "exit_status  4" in accounted(sge, job))


def test_grid_engine_refuses_jobs_of_root(sge: Host) -> None:
    refused = sge.run("qsub", "-b", "y", "true")
    assert refused.returncode == 1
    assert "lower than minimum user id 1000" in refused.stderr


def test_torque_front_ends_run_a_job(slurm: Host) -> None:
    body = "srun hostname; exit 3"
    job = submitting.torque_qsub(slurm, "pbs", body, "-l", "nodes=2:ppn=1,walltime=00:02:00")
    until("it is complete", lambda: "job_state = C" in qstat(slurm, job))
    assert sorted((SHARED / "pbs.out").read_text().split()) == ["n1", "n2"]
    assert "ExitCode=3:0" in slurm.do("scontrol", "show", "job", job, user=USER)


def test_two_bare_rays_find_each_other(
    n1: Host, n2: Host, nothing_left: None, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = bare_ray.bring_up(n1, n2)
    with capsys.disabled():
        print(f"\nbare ray, head and worker alive after {bare.seconds:.1f} s")
    ask = f"import ray; ray.init('{bare.address}', logging_level='ERROR'); print(len(ray.nodes()))"
    assert n2.do(sys.executable, "-c", ask, user=USER, env=bare.environment) == "2\n"
    stranger = bare.environment | {"RAY_AUTH_TOKEN_PATH": "/srv/lab/shared/other.token"}
    n2.do("bash", "-c", f"printf %064d 1 > {SHARED}/other.token", user=USER)
    refused = n2.run(sys.executable, "-c", ask, user=USER, env=stranger)
    assert refused.returncode != 0
    assert "token" in (refused.stdout + refused.stderr).lower()


def commands(host: Host) -> list[str]:
    return [process.command for process in host.processes(USER)]


def reaches(here: Host, there: Host) -> bool:
    # Nothing listens there: a host that is reached says so at once.
    connect = f"exec 3<>/dev/tcp/{network.address(there.name)}/9"
    return "refused" in here.run("bash", "-c", connect, timeout_s=2).stderr


def accounted(ctl: Host, job: str) -> str:
    return ctl.run("qacct", "-j", job, user=USER).stdout


def qstat(ctl: Host, job: str) -> str:
    return ctl.do("qstat", "-f", job, user=USER, env=torque.ENVIRONMENT)
