"""The reading end: every whole line once, however the file grows."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autopeft.core.errors import RunFolderError
from autopeft.tracking.events import EVENTS, Retried
from autopeft.tracking.tail import Tail


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(cuts=st.lists(st.integers(0, 600), max_size=8), limit=st.integers(1, 5))
def test_every_line_comes_once_wherever_writing_pauses(
    tmp_path: Path, cuts: list[int], limit: int
) -> None:
    path = tmp_path / "journal.jsonl"
    events = [Retried(time=float(i), trial=f"t{i}", reason="lost") for i in range(8)]
    whole = b"".join(EVENTS.dump_json(event) + b"\n" for event in events)
    path.write_bytes(b"")
    tail, seen = Tail(path), []
    for cut in [*sorted(min(cut, len(whole)) for cut in cuts), len(whole)]:
        path.write_bytes(whole[:cut])
        while new := tail.read(limit):
            assert len(new) <= limit
            seen += new
    assert seen == events
    assert not tail.is_behind


def test_no_file_yet_is_nothing_new(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "journal.jsonl")
    assert tail.read() == []
    assert not tail.is_behind


def test_a_damaged_line_is_an_error_that_names_its_place(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event": "no such"}\n')
    with pytest.raises(RunFolderError, match="damaged line at byte 0"):
        Tail(path).read()
