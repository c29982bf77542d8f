"""What a driver leaves behind: why it gave up, and where its code came from."""

import io
from contextlib import contextmanager

import pytest

from autopeft.cli.main import main
from autopeft.clusters.overview import overviews
from autopeft.core.errors import DataError
from autopeft.spec.load import load_sweep
from autopeft.sweep import drive as driving
from autopeft.tracking.events import SweepResumed
from autopeft.tracking.run_folder import create_run

REASON = "a.wav: samples that are NaN\nb.wav: samples that are NaN"


@pytest.fixture
def run(tmp_path):
    raw = {
        "name": "small",
        "task": {"data": {"kind": "procedural"}},
        "method": {"kind": "lora"},
        "tracking": {"enabled": False},
    }
    return create_run(load_sweep(raw), tmp_path)


@pytest.fixture
def fails(monkeypatch):
    """Let every driver give up once Ray is there."""

    def fail(*arguments):
        raise DataError(REASON)

    monkeypatch.setattr(driving, "_run_on_ray", fail)


def test_why_a_driver_gave_up_is_in_journal_log_list_and_status(run, fails, capsys, monkeypatch):
    @contextmanager
    def not_into_the_log(log):
        yield io.StringIO()

    monkeypatch.setattr("autopeft.cli.terminal.quiet", not_into_the_log)
    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    run.commit_file.write_text("0123abc-dirty\n")
    assert main(["drive", str(run.path)]) == 1
    assert capsys.readouterr().err.count(REASON) == 2  # the log, and whoever called it
    history = run.history()
    assert history.started.git_commit == "0123abc-dirty"
    assert history.failure == REASON
    assert not history.is_over
    (known,) = overviews([run])
    assert (known.state, known.reason) == ("stopped", REASON.splitlines()[0])
    assert main(["status", str(run.path)]) == 0
    assert f"stopped: {REASON}" in capsys.readouterr().out
    history.apply(SweepResumed(time=history.last_time, trials=4))
    assert history.failure == ""
