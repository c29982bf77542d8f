"""Sentences, numbers, tables and the result: the same facts in other words."""

import json
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autopeft.reports.comparison import against_baselines, against_size, pareto_front
from autopeft.reports.figures import front_of_objectives, importances, parallel_coordinates
from autopeft.reports.result import result
from autopeft.reports.standing import Score, number, standings
from autopeft.reports.table import summary_table, trials_table
from autopeft.reports.words import difference, summary
from autopeft.tracking.run_folder import RunFolder

POINTS = st.lists(
    st.tuples(st.floats(0, 100), st.floats(-5, 5)), min_size=1, max_size=30, unique=True
)


def test_the_result_is_json_and_names_winner_rivals_and_baselines(finished: RunFolder) -> None:
    history, sweep = finished.history(), finished.sweep()
    outcome = json.loads(json.dumps(result(history, sweep), allow_nan=False))
    assert history.winner is not None
    assert outcome["winner"]["trial"] == history.winner.of
    assert outcome["winner"]["test"]["mean"] == pytest.approx(history.winner.mean("test_accuracy"))
    assert outcome["winner"]["test"]["spread"] == pytest.approx(
        history.winner.spread("test_accuracy")
    )
    assert len(outcome["rivals"]) == 2
    assert list(outcome["baselines"]) == ["zero-shot", "head", "uniform-lora", "full"]
    assert outcome["baselines"]["zero-shot"]["test"]["spread"] is None
    assert outcome["counts"]["counted"] == history.counted
    assert outcome["failures"] == history.failures()


def test_the_result_of_nothing_is_a_result(write_sweep: Callable[..., RunFolder]) -> None:
    run = write_sweep(trials=0, over=False)
    outcome = result(run.history(), run.sweep())
    assert outcome["winner"] is None
    assert not outcome["finished"]
    assert outcome["counts"]["asked"] == 0


def test_without_retraining_the_best_is_called_untested(
    write_sweep: Callable[..., RunFolder],
) -> None:
    run = write_sweep(over=False)
    lines = [line for line in run.journal.read_text().splitlines() if '"trial":"r' not in line]
    run.journal.write_text("\n".join(lines) + "\n")
    history = run.history()
    text = " ".join(summary(history, run.sweep(), standings(history)))
    assert "nor scored on test" in text
    assert "The winner" not in text


@given(
    mean=st.floats(-1, 1), other=st.floats(-1, 1), spread=st.floats(0, 1), maximise=st.booleans()
)
def test_a_difference_within_the_spread_is_none(
    mean: float, other: float, spread: float, maximise: bool
) -> None:
    words = difference(Score(mean, spread, ()), Score(other, None, ()), maximise=maximise)
    if abs(mean - other) <= spread:
        assert words == "not to be told apart from"
    else:
        assert ("better" in words) == ((mean > other) == maximise)


@given(POINTS, st.booleans())
def test_no_point_beats_one_on_the_front(points: list[tuple[float, float]], maximise: bool) -> None:
    front = pareto_front(points, maximise=maximise)
    sign = 1 if maximise else -1
    assert front
    for cost, score in points:
        on_front = (cost, score) in front
        beaten = any(
            c <= cost and sign * s >= sign * score and (c, s) != (cost, score) for c, s in points
        )
        assert on_front != beaten


def test_a_number_that_is_none_is_a_dash() -> None:
    assert number(math.nan) == number(None) == number(math.inf) == "–"


def test_tables_show_every_trial_and_take_no_markup(finished: RunFolder) -> None:
    text = finished.journal.read_text().replace("12 GiB asked", "[red]12 GiB[/nonsense]")
    finished.journal.write_text(text)
    history, sweep = finished.history(), finished.sweep()
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(trials_table(history, sweep.task))
        console.print(summary_table(history, sweep.task))
    printed = capture.get()
    assert all(trial in printed for trial in history.trials)
    assert "[red]12 GiB[/nonsense]" in printed
    assert "winner" in printed
    assert history.best is not None
    assert f"{history.best.id} *" in printed


def test_figures_need_enough_trials(write_sweep: Callable[..., RunFolder]) -> None:
    few = write_sweep(trials=3, over=False, name="few")
    history, space = few.history(), few.sweep().space
    assert list(importances(history, space)) == []
    assert front_of_objectives(history, space) is None
    many = write_sweep(trials=60, name="many")
    history, space = many.history(), many.sweep().space
    assert [branch for branch, _ in importances(history, space)] == ["lora"]
    assert len(list(parallel_coordinates(history, space))) == 2
    assert against_size(history) is not None
    assert against_baselines(standings(history), "no such metric") is None


def test_several_objectives_have_a_front(write_sweep: Callable[..., RunFolder]) -> None:
    run = write_sweep(objectives={"accuracy": "max", "loss": "min"})
    assert front_of_objectives(run.history(), run.sweep().space) is not None
