"""What a job was given, read off the environments that schedulers make."""

import os
import re
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopeft.clusters.allocation import (
    GPU_VARIABLES,
    Allocation,
    gpu_ids,
    job_of,
    own_share,
    pe_hostfile,
    read_allocation,
    slurm_cpus,
    slurm_hosts,
)
from autopeft.core.errors import ClusterError
from autopeft.spec.cluster import PROFILE_RECORDS, AnyQueuedProfile


def profile(kind: str, **words: Any) -> AnyQueuedProfile:
    return PROFILE_RECORDS[kind](**words)  # type: ignore[return-value]


def given_text(text: str) -> Any:
    return lambda path: text


def test_slurm_hosts_may_differ() -> None:
    environ = {
        "SLURM_JOB_ID": "12",
        "SLURM_JOB_NODELIST": "gpu[01-02],big",
        "SLURM_JOB_CPUS_PER_NODE": "16(x2),64",
    }
    allocation = read_allocation(profile("slurm", cpus_per_host=16), environ)
    assert allocation == Allocation("12", {"gpu01": 16, "gpu02": 16, "big": 64})


def test_grid_engine_counts_slots_unless_the_profile_knows_the_cpus() -> None:
    environ = {"JOB_ID": "7", "PE_HOSTFILE": "/spool/pe_hostfile", "NSLOTS": "6"}
    text = "n1 4 lab.q@n1 <NULL>\nn2 2 lab.q@n2 <NULL>\n"
    pe = {"parallel_environment": "ray"}
    slots = read_allocation(profile("sge", **pe), environ, given_text(text))
    assert slots.cpus == {"n1": 4, "n2": 2}
    nodes = read_allocation(profile("sge", cpus_per_host=192, **pe), environ, given_text(text))
    assert nodes.cpus == {"n1": 192, "n2": 192}


def test_grid_engine_without_a_parallel_environment_is_one_host() -> None:
    here = read_allocation(profile("sge"), {"JOB_ID": "7", "HOSTNAME": "n1", "NSLOTS": "1"})
    assert here == Allocation("7", {"n1": 1})


def test_pbs_has_a_line_for_each_process_of_a_host() -> None:
    environ = {"PBS_JOBID": "4711.pbs01", "PBS_NODEFILE": "/aux/4711", "NCPUS": "8"}
    lines = given_text("n1\nn1\nn2\nn2\n")
    assert read_allocation(profile("pbs"), environ, lines).cpus == {"n1": 8, "n2": 8}
    del environ["NCPUS"]
    assert read_allocation(profile("pbs"), environ, lines).cpus == {"n1": 2, "n2": 2}


def test_this_host_comes_first() -> None:
    here = socket.gethostname()
    environ = {"SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": f"aaa,{here}.example.org,zzz"}
    hosts = read_allocation(profile("slurm"), environ).hosts
    assert hosts == (f"{here}.example.org", "aaa", "zzz")


@pytest.mark.parametrize(
    ("kind", "environ", "says"),
    [
        ("slurm", {}, "SLURM_JOB_ID is not set"),
        ("sge", {}, "JOB_ID is not set"),
        ("pbs", {"PBS_JOBID": "1"}, "PBS_NODEFILE is not set"),
        ("pbs", {"PBS_JOBID": "1", "PBS_NODEFILE": "/nowhere/x"}, "host file of the job"),
        ("slurm", {"SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": ""}, "names no hosts"),
    ],
)
def test_what_is_no_job_says_so(kind: str, environ: dict[str, str], says: str) -> None:
    with pytest.raises(ClusterError, match=re.escape(says)):
        read_allocation(profile(kind), environ)


def test_the_job_of_a_host_is_found_whatever_the_scheduler() -> None:
    assert job_of({"PBS_JOBID": "4.x"}) == "4.x"
    assert job_of({"JOB_ID": "7"}) == "7"
    assert job_of({"HOME": "/home"}) == ""


def test_a_share_is_never_more_than_this_process_may_use() -> None:
    usable = len(os.sched_getaffinity(0))
    assert own_share(name="n1", cpus=10_000, gpus=0, environ={}).cpus <= usable
    assert own_share(name="n1", cpus=1, gpus=0, environ={}).cpus == 1
    assert own_share(gpus=0, environ={"SLURM_CPUS_ON_NODE": "1"}).cpus == 1
    assert own_share(gpus=0, memory_gb=0.5, environ={}).memory_gb == 0.5


@pytest.mark.parametrize("variable", GPU_VARIABLES)
def test_gpus_are_those_the_scheduler_names(variable: str) -> None:
    assert gpu_ids({variable: "2,5"}, wanted=2, present=8, host="n1") == ("2", "5")
    assert gpu_ids({variable: "2 5"}, wanted=None, present=8, host="n1") == ("2", "5")
    assert gpu_ids({variable: "2"}, wanted=0, present=8, host="n1") == ()


def test_gpus_named_otherwise() -> None:
    assert gpu_ids({"SGE_HGR_gpu": "gpu0 gpu3"}, wanted=2, present=4, host="n") == ("0", "3")
    uuids = "GPU-0a,MIG-7f"
    assert gpu_ids({"CUDA_VISIBLE_DEVICES": uuids}, wanted=2, present=8, host="n") == (
        "GPU-0a",
        "MIG-7f",
    )
    assert gpu_ids({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, wanted=None, present=0, host="n") == ()


@pytest.mark.parametrize(("wanted", "present"), [(1, 4), (2, 0), (4, 2)])
def test_gpus_of_a_shared_host_are_not_guessed(wanted: int, present: int) -> None:
    with pytest.raises(ClusterError, match=f"n1: the job has {wanted} of {present} GPUs"):
        gpu_ids({}, wanted=wanted, present=present, host="n1")


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z][a-z-]{0,5}", fullmatch=True),
            st.lists(st.integers(0, 120), min_size=1, max_size=5, unique=True),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_host_lists_are_read_as_slurm_writes_them(groups: list[tuple[str, list[int], int]]) -> None:
    wanted = [f"{name}{n:0{width}d}" for name, numbers, width in groups for n in numbers]
    written = ",".join(
        f"{name}[{','.join(f'{n:0{width}d}' for n in numbers)}]" for name, numbers, width in groups
    )
    assert slurm_hosts(written) == wanted
    assert slurm_hosts(",".join(wanted)) == wanted


@given(st.lists(st.tuples(st.integers(1, 256), st.integers(1, 4)), min_size=1, max_size=5))
def test_cpus_are_read_as_slurm_writes_them(runs: list[tuple[int, int]]) -> None:
    written = ",".join(str(cpus) if n == 1 else f"{cpus}(x{n})" for cpus, n in runs)
    assert slurm_cpus(written) == [cpus for cpus, n in runs for _ in range(n)]


def test_a_host_file_may_hold_other_lines() -> None:
    assert pe_hostfile("\n# none\nn1 x\nn1 3\n") == {"n1": 3}
