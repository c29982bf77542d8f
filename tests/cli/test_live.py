import io
import os
import runpy
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autopeft.cli.live import Lines, Table, watching
from autopeft.cli.live_table import BARS, headline, live_table, seconds_left, sparkline
from autopeft.sweep.interruption import stoppable
from autopeft.tracking.events import Paused, Promoted, Retried, SweepEnded, SweepStarted
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import create_run

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "synthetic_sweep.py"))


@pytest.fixture
def run(tmp_path):
    from autopeft.spec.load import load_sweep

    return create_run(load_sweep(SYNTHETIC["spec"]()), tmp_path / "runs")


@pytest.fixture
def events(run):
    return list(SYNTHETIC["events"](run.sweep()))


@given(st.lists(st.floats(), max_size=40), st.integers(2, 20))
def test_a_curve_has_no_more_characters_than_asked_for(values, width):
    curve = sparkline(values, width=width)
    assert len(curve) <= width
    assert set(curve) <= set(BARS)


def shown(view):
    console = Console(file=io.StringIO(), width=150)
    console.print(view)
    return console.file.getvalue()


def test_the_view_can_be_drawn_after_every_event(run, events):
    view = Table(run, run.history(), rows=4)
    assert "starting Ray" in shown(view.render())
    for event in events:
        view(event)
        shown(view.render())
    assert "best so far" in shown(view.render())


def test_what_runs_is_shown_with_step_and_curve(run, events):
    sweep = run.sweep()
    history = History(sweep.settings.search)
    for event in events[:4]:
        history.apply(event)
    text = shown(live_table(history, sweep))
    assert history.running
    assert all(trial.id in text for trial in history.running)


def test_more_trials_than_rows_are_counted(run, events):
    sweep = run.sweep()
    history = History(sweep.settings.search)
    for event in events:
        if event.event in ("asked", "sweep_started"):
            history.apply(event)
    assert "… and 19 more" in shown(live_table(history, sweep, rows=5))


def test_time_left_shrinks_to_nothing(run, events):
    sweep = run.sweep()
    history = History(sweep.settings.search)
    estimates = []
    for event in events:
        history.apply(event)
        left = seconds_left(history, sweep)
        if left is not None:
            estimates.append(left)
    assert min(estimates) >= 0
    assert estimates[0] > estimates[-1]


def test_lines_where_nobody_looks(run, events):
    out = io.StringIO()
    with watching(run, out) as listener:
        assert isinstance(listener, Lines)
        for event in [*events, Retried(time=events[-1].time, trial="t0000", reason="worker lost")]:
            listener(event)
    lines = out.getvalue().splitlines()
    ended = [event for event in events if event.event == "ended"]
    assert len([line for line in lines if "/24  " in line]) == len(ended)
    assert "tried again: worker lost" in lines[-1]
    assert all(line[2] == ":" for line in lines)


def test_a_resumed_sweep_is_shown_whole(run, events):
    written = SYNTHETIC["write_sweep"](run.path, over=False)
    view = Table(written, written.history(), rows=4)
    assert "starting Ray" in shown(view.render())
    assert "best accuracy" in shown(view.render())


def test_the_headline_says_why_a_sweep_ended(run):
    sweep = run.sweep()
    history = History(sweep.settings.search)
    history.apply(SweepStarted(time=1, sweep="a", name="a", seed=0, versions={}))
    history.apply(SweepEnded(time=5, reason="the space is exhausted"))
    assert headline(history, sweep).endswith("4.0 s, the space is exhausted")


def test_a_promotion_is_a_line_and_a_pause_is_in_the_headline(run, events):
    out = io.StringIO()
    lines = Lines(run, run.history(), out)
    reported = next(i for i, event in enumerate(events) if event.event == "reported")
    trial = events[reported].trial
    for event in events[: reported + 1]:
        lines(event)
    lines(Paused(time=events[reported].time, trial=trial, step=10))
    assert "1 paused" in headline(lines._history, run.sweep())
    values = {"method.lora.learning_rate": 0.00123}
    lines(Promoted(time=events[reported].time, trial=trial, source="t0001", values=values))
    last = out.getvalue().splitlines()[-1]
    assert last.endswith(f"{trial} goes on from step 10 as a copy of t0001: learning_rate 0.00123")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_request_to_stop_is_answered_by_one_line_at_once(run, monkeypatch, is_terminal):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal() if is_terminal else io.StringIO()

    def start_ray():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)

    with stoppable():
        with pytest.raises(KeyboardInterrupt), watching(run, terminal):
            start_ray()
        assert terminal.getvalue().count("stopping …") == 1
        assert ("waiting for Ray to end" in terminal.getvalue()) == is_terminal


def test_who_is_not_asked_to_stop_says_nothing_of_it(run):
    terminal = io.StringIO()
    with watching(run, terminal):
        pass
    assert "stopping" not in terminal.getvalue()
