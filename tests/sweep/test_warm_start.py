"""A warm start in a sweep: journalled once, replayed without its sources, said everywhere."""

import shutil
from pathlib import Path

import pytest

from autopeft.core.errors import InputError
from autopeft.reports.words import opening_words
from autopeft.spec.load import load_sweep
from autopeft.spec.warm_start import Opening
from autopeft.sweep.amend import amend
from autopeft.sweep.drive import _conductor
from autopeft.sweep.plan import make_plan, plan_text
from autopeft.sweep.preflight import preflight
from autopeft.sweep.searching import searcher_of
from autopeft.tracking.events import Asked, Ended, Reported, Status, SweepStarted, WarmStarted
from autopeft.tracking.journal import Journal, read_journal
from autopeft.tracking.mlflow_rows import MlflowView
from autopeft.tracking.mlflow_words import PARENT
from autopeft.tracking.run_folder import RunFolder, create_run
from tests.bridge.conftest import SPEC, past, peak

__all__ = ["past"]  # a fixture
RATE = "method.learning_rate"


def spec_after(run: RunFolder, kind: str = "best_of_history", searcher: str = "random"):
    search = {**SPEC["search"], "searcher": {"kind": searcher}}
    return {**SPEC, "search": {**search, "warm_start": {"kind": kind, "runs": [str(run.path)]}}}


def opened(run: RunFolder):
    journal = Journal(run.journal)
    conductor = _conductor(run, run.sweep(), journal, list(read_journal(run.journal)))
    return journal, conductor


@pytest.mark.parametrize("kind", ["best_of_history", "bounding_box"])
@pytest.mark.parametrize("searcher", ["random", "nelder-mead"])
def test_a_resumed_sweep_goes_on_the_same_when_its_sources_are_gone(past, tmp_path, kind, searcher):
    source = past("old", peak(learning_rate=0.2))
    run = create_run(load_sweep(spec_after(source, kind, searcher)), tmp_path / "new")
    journal, conductor = opened(run)
    asked = [conductor.next() for _ in range(6)]
    journal.close()
    shutil.rmtree(source.path)
    journal, again = opened(run)
    assert [again.next().trial for _ in range(6)] == [a.trial for a in asked]
    further = again.next()
    events = list(read_journal(run.journal))
    assert sum(isinstance(event, WarmStarted) for event in events) == 1
    assert isinstance(events[1], WarmStarted)
    journal.close()
    # A third driver proposes what the second did, in the same place.
    journal, third = opened(run)
    assert third.history.trials[further.trial].cube == again.history.trials[further.trial].cube
    journal.close()


def test_the_best_of_the_past_is_asked_for_first(past, tmp_path):
    source = past("old", peak(learning_rate=0.2))
    run = create_run(load_sweep(spec_after(source)), tmp_path / "new")
    journal, conductor = opened(run)
    conductor.next()
    journal.close()
    first = next(e for e in read_journal(run.journal) if isinstance(e, Asked))
    assert first.values == source.history().best.values


def test_a_driver_killed_before_the_warm_start_was_written_makes_it_up(past, tmp_path):
    run = create_run(load_sweep(spec_after(past("old", peak()))), tmp_path / "new")
    journal = Journal(run.journal)
    journal.write(SweepStarted(time=1, sweep="s", name="new", seed=0, versions={}))
    journal.close()
    journal, conductor = opened(run)
    journal.close()
    assert conductor.history.opening is not None


def test_a_plan_shows_what_was_learnt_and_begins_with_it(past):
    source = past("old", peak(learning_rate=0.2))
    plan = make_plan(load_sweep(spec_after(source)))
    assert plan.first[0] == source.history().best.values
    text = plan_text(plan)
    assert f"Warm start best_of_history, learnt from {source.path.name}: 4 first points." in text
    assert make_plan(load_sweep(SPEC)).warm_start == ()


def test_what_a_warm_start_lacks_is_found_before_anything_starts(tmp_path):
    warm_start = {"kind": "quantiles", "runs": [str(tmp_path / "nowhere")]}
    sweep = load_sweep({**SPEC, "search": {**SPEC["search"], "warm_start": warm_start}})
    with pytest.raises(InputError, match=r"search.warm_start.runs\[0\]: .*is no run folder"):
        preflight(sweep, quick=True)


def test_mlflow_names_the_runs_it_learnt_from():
    view = MlflowView(load_sweep(SPEC))
    view.apply(SweepStarted(time=1, sweep="s", name="new", seed=0, versions={}))
    opening = Opening(kind="quantiles", first=({RATE: 0.5},), sources=("a-1", "b-2"))
    view.apply(WarmStarted(time=2, opening=opening))
    tags = view.take_pending()[PARENT].tags
    assert tags["warm_start"] == "quantiles"
    assert tags["warm_start.sources"] == "a-1, b-2"


def test_a_box_is_told_in_values_and_remarks_as_sentences():
    space = load_sweep(SPEC).space
    opening = Opening(
        kind="bridge", box={RATE: (0.0, 0.5), "method.rank": (0.0, 1.0)}, remarks=("no signal",)
    )
    assert list(opening_words(opening, space)) == [
        "Warm start bridge: begun with method.learning_rate from 0.0001 to 0.001.",
        "No signal.",
    ]


def test_the_opening_survives_the_journal(tmp_path: Path):
    opening = Opening(
        kind="bounding_box", first=({"a": 0.1},), box={"a": (0.0, 0.5)}, mean={"a": 0.25},
        spread={"a": 0.1}, sources=("x",), remarks=("y",),
    )  # fmt: skip
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(WarmStarted(time=1, opening=opening))
    journal.close()
    (event,) = read_journal(tmp_path / "journal.jsonl")
    assert isinstance(event, WarmStarted)
    assert event.opening == opening


@pytest.mark.parametrize("accuracy", [0.95, 0.5], ids=["right", "wrong"])
def test_a_warm_start_goes_on_in_a_wider_space_unless_its_trial_has_shown_it_wrong(
    past, tmp_path, accuracy
):
    run = create_run(load_sweep({**SPEC, "name": "new"}), tmp_path / "new")
    first = {RATE: 0.5, "method.rank": 0.375, "training.warmup_steps": 0.5}
    opening = Opening(
        kind="bridge", first=(first, {**first, RATE: 0.6}), limit=-0.9,
        box={RATE: (0.4, 0.6)}, mean={RATE: 0.5}, spread={RATE: 0.05},
    )  # fmt: skip
    journal = Journal(run.journal)
    journal.write(SweepStarted(time=1, sweep="s", name="new", seed=0, versions={}))
    journal.write(WarmStarted(time=1, opening=opening))
    values = run.sweep().space.decode(first)
    journal.write(Asked(time=2, trial="t0000", number=0, cube=first, values=values))
    metrics = {"accuracy": accuracy}
    journal.write(Reported(time=3, trial="t0000", step=80, metrics=metrics, final=True))
    journal.write(Ended(time=4, trial="t0000", status=Status.FINISHED))
    journal.close()
    amend(run, ["method.learning_rate={low: 1.0e-5, high: 1.0e-1, log: true}"])
    change = list(read_journal(run.journal))[-1]
    if accuracy < 0.9:
        assert change.opening is None
        return
    assert change.opening.box[RATE] == pytest.approx((0.45, 0.55))
    proposal = searcher_of(run.sweep(), opening, change).ask()
    assert proposal.number == 1
    assert proposal.cube[RATE] == pytest.approx(0.55)  # the first one was tried
