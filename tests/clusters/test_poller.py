"""One query per interval, however many jobs there are and however many wait."""

import json
import os
import threading

import pytest

from autopeft.clusters import DIALECTS
from autopeft.clusters.base import JobState
from autopeft.clusters.poller import Poller, user_folder
from autopeft.clusters.shell import Reply
from autopeft.core.errors import ClusterError

pytestmark = pytest.mark.usefixtures("fake_cluster")


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def asked():
    """The commands that were run."""
    return []


@pytest.fixture
def poller_of(tmp_path, clock, asked):
    def made(answer="", *, kind="slurm", code=0, err=""):
        def run(command):
            asked.append(command)
            said = answer(command) if callable(answer) else answer
            return Reply(code, said, err)

        return Poller(
            DIALECTS.load(kind)(), every_s=10, folder=tmp_path / "shared", run=run, clock=clock
        )

    return made


@pytest.mark.parametrize("kind", DIALECTS)
def test_50_jobs_of_5_dispatchers_are_one_query_per_interval(poller_of, kind, clock, asked):
    pollers = [poller_of(kind=kind) for _ in range(5)]
    ids = [[str(4711 + 10 * which + number) for number in range(10)] for which in range(5)]
    for poller, own in zip(pollers, ids, strict=True):
        poller.ask(own)
    assert len(asked) == 1
    for interval in range(2, 6):
        clock.now += 10
        for _ in range(20):
            for poller, own in zip(pollers, ids, strict=True):
                poller.ask(own)
        assert len(asked) == interval
    if kind == "pbs":
        assert set(asked[-1]) >= {job for own in ids for job in own}, "all in one query"


def test_those_who_wait_at_the_same_time_ask_once(poller_of, clock, asked):
    pollers = [poller_of("4711|RUNNING|None") for _ in range(8)]
    found = []
    threads = [
        threading.Thread(target=lambda poller=poller: found.append(poller.ask(["4711"])))
        for poller in pollers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
    assert all(answers.seen["4711"].state is JobState.RUNNING for answers in found)


def test_an_answer_counts_only_for_jobs_it_was_asked_about(poller_of, clock):
    first, second = poller_of("4711|RUNNING|None"), poller_of("")
    assert first.ask(["4711"]).queries == {"4711": 1}
    assert second.ask(["4712"]).queries.get("4712") is None, "submitted after the last query"
    clock.now += 10
    assert second.ask(["4712"]).queries["4712"] == 1


def test_accounting_takes_the_turn_of_a_query(poller_of, clock, asked):
    poller = poller_of(lambda command: "4711|FAILED|0:9" if command[0] == "sacct" else "")
    for _ in range(6):
        answers = poller.ask(["4711"], missing=["4711"])
        clock.now += 10
    assert [command[0] for command in asked] == ["squeue", "sacct"] * 3
    assert answers.ended["4711"].exit_code == 137
    assert (answers.queries["4711"], answers.accountings["4711"]) == (3, 3)


def test_a_query_that_fails_is_no_answer(poller_of, clock, asked):
    good = poller_of("4711|RUNNING|None")
    good.ask(["4711"])
    clock.now += 10
    bad = poller_of("", code=1, err="slurm_load_jobs error: Unable to contact slurm controller")
    answers = bad.ask(["4711"])
    assert answers.trouble.endswith("Unable to contact slurm controller")
    assert answers.seen["4711"].state is JobState.RUNNING, "what was known before"
    assert answers.queries["4711"] == 1
    for _ in range(5):
        bad.ask(["4711"])
    assert len(asked) == 2, "a scheduler in trouble is not asked more often"
    clock.now += 10
    assert good.ask(["4711"]).trouble == ""


def test_that_no_job_is_known_is_an_answer(poller_of, clock):
    poller = poller_of("", kind="pbs", code=153, err="qstat: Unknown Job Id 4711.pbs01")
    answers = poller.ask(["4711.pbs01"])
    assert (answers.queries, answers.trouble, answers.seen) == ({"4711": 1}, "", {})


def test_a_site_without_accounts_is_asked_all_the_same(poller_of, clock):
    poller = poller_of("", code=1, err="Slurm accounting storage is disabled")
    poller.ask(["4711"], missing=["4711"])
    clock.now += 10
    assert poller.ask(["4711"], missing=["4711"]).accountings == {"4711": 1}


def test_a_command_that_is_not_there_is_said(tmp_path, clock, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    poller = Poller(DIALECTS.load("slurm")(), every_s=10, folder=tmp_path / "s", clock=clock)
    assert "squeue: no such command on this host" in poller.ask(["4711"]).trouble


def test_what_nobody_waits_for_is_forgotten(poller_of, clock, tmp_path):
    with poller_of(kind="pbs") as poller:
        poller.ask(["4711.a"])
    clock.now += 10
    asked_about = poller_of(kind="pbs").ask(["4712.a"])
    assert list(asked_about.queries) == ["4712"]
    (folder,) = (tmp_path / "shared").iterdir()
    dead = folder / "999999999-1.waiting"
    dead.write_text(json.dumps({"ids": ["5000.a"], "missing": []}))
    clock.now += 10
    assert "5000" not in poller_of(kind="pbs").ask(["4712.a"]).queries
    assert not dead.exists()


def test_what_is_shared_is_private(poller_of, tmp_path):
    poller_of().ask(["1"])
    (folder,) = (tmp_path / "shared").iterdir()
    assert folder.stat().st_mode & 0o077 == 0


def test_two_schedulers_of_one_kind_are_kept_apart(poller_of, tmp_path, monkeypatch, asked):
    poller_of().ask(["1"])
    monkeypatch.setenv("SLURM_CONF", "/etc/other.conf")
    poller_of().ask(["1"])
    assert len(asked) == 2


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    mine = user_folder()
    assert mine.parent == tmp_path
    assert mine.stat().st_mode & 0o777 == 0o700
    mine.rmdir()
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    with pytest.raises(ClusterError, match="belongs to somebody else"):
        user_folder()


def test_a_torn_answer_file_is_asked_anew(poller_of, tmp_path, clock):
    poller = poller_of("4711|RUNNING|None")
    poller.ask(["4711"])
    (folder,) = (tmp_path / "shared").iterdir()
    (folder / "answers.json").write_text('{"asked')
    assert poller.ask(["4711"]).seen
