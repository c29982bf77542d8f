"""Profiles: generic words, checked; every mistake at once, where it stands."""

import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from autopeft.core.errors import InputError
from autopeft.core.places import shipped
from autopeft.spec.cluster import MODES, PROFILE_RECORDS, check_interface, for_mode
from autopeft.spec.cluster_file import load_profile, profile_names
from autopeft.spec.load import load_sweep
from autopeft.spec.walltime import clock_text, parse_walltime

HEAD = "name: a\ntask: {data: {kind: procedural}}\nmethod: {kind: lora}\n"
Problems = Callable[..., list[str]]


@pytest.mark.parametrize("name", profile_names())
@pytest.mark.parametrize("mode", MODES)
def test_every_shipped_profile_is_right_in_every_mode(name, mode) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert PROFILE_RECORDS[profile.kind] is type(for_mode(profile, mode))
    if mode in ("cpu", "array"):
        assert for_mode(profile, mode).gpus_per_host == 0
        assert for_mode(profile, mode).hosts == 1


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_begins_with_a_comment_that_says_what_it_is(name: str) -> None:
    text = (shipped("clusters") / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")


def test_the_profile_of_a_search_file_is_at_hand(write) -> None:
    assert load_sweep(write(HEAD)).profile.kind == "local"
    sweep = load_sweep(write(HEAD + "cluster: slurm\n"))
    assert (sweep.settings.cluster, sweep.profile.kind) == ("slurm", "slurm")
    words = "{profile: slurm, walltime: 1:30:00, hosts: 2, environment: {A: 1}}"
    sweep = load_sweep(write(HEAD + f"cluster: {words}\n"))
    assert sweep.profile.walltime == 5400
    assert sweep.profile.hosts == 2
    assert sweep.profile.environment == {"A": "1"}
    assert sweep.profile.cpus_per_host == 4, "what the file does not say stands in the profile"
    assert load_sweep(write(HEAD), ["cluster=gpu_slurm"]).profile.gpus_per_host == 4


def test_a_profile_of_ones_own_is_found_beside_the_search_file_and_again(write) -> None:
    write("_base_: site.yaml\nqueue: long\n", name="deep/mine.yaml")
    write("kind: slurm\nqueue: batch\nhosts: 3\n", name="deep/site.yaml")
    sweep = load_sweep(write(HEAD + "cluster: deep/mine.yaml\n"))
    assert (sweep.profile.name, sweep.profile.queue, sweep.profile.hosts) == ("mine", "long", 3)
    assert load_sweep(sweep.raw).profile == sweep.profile


def test_a_whole_profile_may_stand_in_the_search_file(write) -> None:
    sweep = load_sweep(write(HEAD + "cluster: {kind: pbs, queue: workq}\n"))
    assert (sweep.settings.cluster, sweep.profile.queue) == ("pbs", "workq")


def test_all_mistakes_come_at_once_each_in_its_own_file(write, problems_of: Problems) -> None:
    write("kind: slurm\n\nqueu: x\ninterface: 10.0.3.1/8\nhosts: 9\n", name="site.yaml")
    lines = problems_of(HEAD + "cluster:\n  profile: site.yaml\n  hosts: 0\n  walltime: 1:30\n")
    assert [line.partition(": ")[0] for line in lines] == [
        "search.yaml:6  cluster.hosts",
        "search.yaml:7  cluster.walltime",
        "site.yaml:3  cluster.queu",
        "site.yaml:4  cluster.interface",
    ]
    assert "did you mean 'queue'?" in lines[2]
    assert "write the network: 10.0.0.0/8" in lines[3]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("slrum", "cluster: no cluster profile named 'slrum'; did you mean 'slurm'? known: abci3"),
        ("nowhere.yaml", "nowhere.yaml: no such file"),
        ("[slurm]", "cluster: found ['slurm']; write a profile's name, or {profile: NAME"),
        ("{walltime: 2h}", "cluster: no kind given; write profile: … or kind: …; known: local"),
        ("{kind: slrm}", "cluster.kind: no kind of cluster named 'slrm'; did you mean 'slurm'?"),
        ("{profile: 3}", "cluster: profile: found 3, a name or a path would be right"),
        ("{profile: slurm, kind: pbs}", "slurm is of kind slurm; take kind: out"),
        ("{profile: local, walltime: 2h}", "cluster.walltime: unknown key 'walltime'"),
        ("{profile: slurm, walltime: many}", "found 'many', h:mm:ss, such as 1:30:00, or 90m"),
        ("{profile: slurm, walltime: true}", "found True, h:mm:ss"),
        ("{profile: slurm, walltime: 30s}", "cluster.walltime: found '30s', at least a minute"),
        ("{profile: slurm, walltime: 2m, warning_s: 120}", "cluster.warning_s: 120 seconds before"),
        ("{profile: slurm, hosts: 2, min_hosts: 3}", "cluster.min_hosts: 3 is above hosts 2"),
        ("{profile: sge, hosts: 2}", "cluster.parallel_environment: missing; without one"),
        ("{profile: slurm, launcher: mpiexec}", "cluster.launcher: found 'mpiexec'"),
        ("{profile: slurm, interface: ib0}", "found 'ib0', a network with its mask"),
        ("{profile: slurm, interface: 10.0.0.1}", "found '10.0.0.1', one address"),
        ("{profile: slurm, scratch: tmp/x}", "cluster.scratch: found 'tmp/x', an absolute path"),
        ("{profile: slurm, scratch: /tmp;ls}", "cluster.scratch: found '/tmp;ls'"),
        ("{profile: slurm, environment: {A-B: x}}", "'A-B' is no name of a variable"),
        ('{profile: slurm, native: ["-x\\n#SBATCH"]}', "cluster.native[0]: found"),
        ("{profile: slurm, queue: 'a b'}", "cluster.queue: found 'a b'"),
        ("{profile: slurm, jobs: {gpuu: {}}}", "cluster.jobs.gpuu: unknown key 'gpuu'; did you"),
        ("{profile: slurm, jobs: {gpu: {hosts: 0}}}", "cluster.jobs.gpu.hosts: found 0, at least"),
        ("{profile: slurm, jobs: {gpu: {kind: pbs}}}", "cluster.jobs.gpu.kind: unknown key 'kind'"),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    problems_of: Problems, written: str, expected: str
) -> None:
    lines = problems_of(HEAD + f"cluster: {written}\n")
    assert len(lines) == 1, lines
    assert expected in lines[0]
    assert lines[0].startswith("search.yaml:4  cluster")


def test_a_profile_for_a_job_is_changed_by_words() -> None:
    profile = load_profile("slurm", ["walltime=90m", "environment.A=b", "native=[--exclusive]"])
    assert (profile.walltime, profile.environment) == (5400, {"A": "b"})
    assert profile.native == ("--exclusive",)
    with pytest.raises(InputError, match="command line  walltme: unknown key 'walltme'"):
        load_profile("slurm", ["walltme=3"])
    with pytest.raises(InputError, match="profile named 'slrm'; did you mean 'slurm'"):
        load_profile("slrm")


def test_a_profile_that_is_no_yaml_is_said_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("kind: slurm\nqueue: {\n")
    with pytest.raises(InputError, match=r"site.yaml:3  not YAML"):
        load_profile(str(file))


@given(seconds=st.integers(60, 10**7))
def test_a_walltime_is_read_back_as_it_was_written(seconds: int) -> None:
    assert parse_walltime(clock_text(seconds)) == seconds
    assert parse_walltime(f"{seconds}s") == seconds


@given(days=st.integers(0, 99), hours=st.integers(0, 23), minutes=st.integers(0, 59))
def test_days_hours_and_minutes_add_up(days: int, hours: int, minutes: int) -> None:
    expected = ((days * 24) + hours) * 3600 + minutes * 60
    if not expected:
        return
    assert parse_walltime(f"{days}d{hours}h{minutes}m") == expected
    assert parse_walltime(f"{days}-{hours:02d}:{minutes:02d}:00") == expected


@given(text=st.text(max_size=12))
def test_whatever_is_written_is_a_walltime_or_a_sentence(text: str) -> None:
    try:
        assert parse_walltime(text) >= 60
    except ValueError as error:
        said = str(error)
    else:
        said = "would be right"
    assert "would be right" in said


@given(address=st.ip_addresses(v=4), prefix=st.integers(1, 32))
def test_a_network_is_itself_and_a_host_in_it_is_told_its_network(address, prefix) -> None:
    network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    assert check_interface(str(network)) == str(network)
    if address != network.network_address:
        with pytest.raises(ValueError, match=str(network)):
            check_interface(f"{address}/{prefix}")


@given(text=st.text(max_size=20))
def test_whatever_is_written_is_a_network_or_a_sentence(text: str) -> None:
    try:
        assert ipaddress.ip_network(check_interface(text))
    except ValueError as error:
        said = str(error)
    else:
        said = "found"
    assert said.startswith("found")


@pytest.mark.parametrize("name", [name for name in profile_names() if name != "local"])
def test_what_is_saved_of_a_sweep_needs_no_profile_file(name, tmp_path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text((shipped("clusters") / f"{name}.yaml").read_text())
    words = {"profile": str(site), "prologue": "cd \\${HOME}; echo '$X'", "walltime": "90m"}
    raw = {
        "name": "small",
        "task": {"data": {"kind": "procedural", "clips": 112}},
        "method": {"kind": "ia3"},
        "cluster": words,
    }
    sweep = load_sweep(raw)
    site.unlink()
    again = load_sweep(yaml.safe_load(yaml.safe_dump(sweep.saved)))
    assert again.profile == sweep.profile
    assert again.profile.prologue == "cd ${HOME}; echo '$X'"
    assert again.saved == sweep.saved
