"""The journal: one writer, whole lines, loud when the disk is full, and never damaged by it."""

import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autopeft.core.errors import RunFolderError
from autopeft.tracking.events import (
    AnyEvent,
    Asked,
    DriverFailed,
    Ended,
    Kind,
    Planned,
    Reported,
    Retried,
    Status,
    SweepEnded,
    SweepStarted,
)
from autopeft.tracking.journal import Journal, read_journal

WORDS = st.text(max_size=20)
TIMES = st.floats(0, 4e9)
EVENTS = st.one_of(
    st.builds(SweepStarted, time=TIMES, sweep=WORDS, name=WORDS, seed=st.integers(0, 9),
              versions=st.dictionaries(WORDS, WORDS, max_size=3)),
    st.builds(Asked, time=TIMES, trial=WORDS, number=st.integers(0, 99),
              cube=st.dictionaries(WORDS, st.floats(0, 1), max_size=3),
              values=st.dictionaries(WORDS, st.integers() | WORDS | st.booleans(), max_size=3)),
    st.builds(Planned, time=TIMES, trial=WORDS, kind=st.sampled_from(Kind), name=WORDS,
              seed=st.integers(0, 9), values=st.just({})),
    st.builds(Reported, time=TIMES, trial=WORDS, step=st.integers(0, 99),
              metrics=st.dictionaries(WORDS, st.floats(allow_nan=False), max_size=3)),
    st.builds(Retried, time=TIMES, trial=WORDS, reason=WORDS),
    st.builds(Ended, time=TIMES, trial=WORDS, status=st.sampled_from(Status), log=WORDS),
    st.builds(DriverFailed, time=TIMES, reason=WORDS),
    st.builds(SweepEnded, time=TIMES, reason=WORDS),
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def write(path: Path, *events: AnyEvent) -> None:
    journal = Journal(path)
    for event in events:
        journal.write(event)
    journal.close()


def ended(trial: str) -> Ended:
    return Ended(time=1.0, trial=trial, status=Status.FINISHED)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(events=st.lists(EVENTS, max_size=6))
def test_what_is_written_is_read(path: Path, events: list[AnyEvent]) -> None:
    path.unlink(missing_ok=True)
    write(path, *events)
    assert list(read_journal(path)) == events


def test_a_metric_that_is_not_finite_can_be_read_again(path: Path) -> None:
    metrics = {"loss": math.nan, "worst": math.inf}
    write(path, Reported(time=1, trial="t", step=1, metrics=metrics), ended("t"))
    reported, _ = read_journal(path)
    assert isinstance(reported, Reported)
    assert math.isnan(reported.metrics["loss"])
    assert reported.metrics["worst"] == math.inf


def test_a_torn_last_line_is_dropped_and_cut_off(path: Path) -> None:
    write(path, ended("t0"), ended("t1"))
    whole = path.read_bytes()
    for length in range(1, 20):
        path.write_bytes(whole + whole[:length])
        assert [e.trial for e in read_journal(path) if isinstance(e, Ended)] == ["t0", "t1"]
    write(path, ended("t2"))
    assert path.read_bytes().startswith(whole)
    assert [e.trial for e in read_journal(path) if isinstance(e, Ended)] == ["t0", "t1", "t2"]


def test_a_journal_that_is_one_torn_line_is_empty(path: Path) -> None:
    path.write_bytes(b'{"time": 1.0, "ev')
    assert list(read_journal(path)) == []
    write(path, ended("t0"))
    assert len(list(read_journal(path))) == 1


def test_a_damaged_line_in_the_middle_is_named(path: Path) -> None:
    write(path, ended("t0"), ended("t1"), ended("t2"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"time": 1.0, "event": "no such"}\n' + lines[2])
    with pytest.raises(RunFolderError, match=r"journal\.jsonl:2: damaged line.*restore"):
        list(read_journal(path))


def test_a_second_writer_is_refused_until_the_first_is_done(path: Path) -> None:
    first = Journal(path)
    first.write(ended("t0"))
    with pytest.raises(RunFolderError, match="another driver is running this sweep"):
        Journal(path)
    first.close()
    first.close()
    write(path, ended("t1"))
    assert len(list(read_journal(path))) == 2


def test_listeners_hear_of_what_is_on_disk_already(path: Path) -> None:
    journal = Journal(path)
    seen: list[int] = []
    journal.listen(lambda event: seen.append(len(list(read_journal(path)))))
    journal.write(ended("t0"))
    journal.write(ended("t1"))
    journal.close()
    assert seen == [1, 2]


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Let the kernel refuse what makes a file longer than ``size`` bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 1, 10])
def test_a_full_disk_leaves_whole_lines_and_tells_nobody(path: Path, room: int) -> None:
    journal = Journal(path)
    journal.write(ended("t0"))
    heard: list[AnyEvent] = []
    journal.listen(heard.append)
    with (
        at_most(path.stat().st_size + room),
        pytest.raises(RunFolderError, match=r"too large.*free some space.*autopeft resume"),
    ):
        journal.write(ended("t1"))
    assert heard == []
    assert [e.trial for e in read_journal(path) if isinstance(e, Ended)] == ["t0"]
    assert path.read_bytes().endswith(b"\n")
    journal.write(ended("t2"))  # there is room again: nothing of t1 may come out now
    journal.close()
    write(path, ended("t3"))
    assert [e.trial for e in read_journal(path) if isinstance(e, Ended)] == ["t0", "t2", "t3"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="cannot be written"):
        Journal(tmp_path / "file" / "journal.jsonl")


def test_no_journal_is_said(path: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot be read"):
        list(read_journal(path))
