"""A space that changes between two drivers: earlier trials are the searcher's history."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from autopeft.core.errors import InputError, RunFolderError
from autopeft.searchers import SEARCHERS
from autopeft.searchers.nelder_mead import NelderMead
from autopeft.searchers.optuna_searcher import OptunaSearcher
from autopeft.sweep.amend import amend
from autopeft.sweep.conductor import Conductor
from autopeft.sweep.placing import agree
from autopeft.tracking.events import Amended, Asked, Kind, Status
from autopeft.tracking.journal import read_journal

StageMaker = Callable[..., Any]
OPTIONS: dict[str, Any] = {
    "baselines": False,
    "retrain": 1,
    "retrain_seeds": 1,
    "trials": 12,
    "scheduler": {"kind": "none"},
}
PROMOTE = {"kind": "asha", "mode": "promote"}
RANKS = "method.lora.rank={one_of: [1, 2, 3, 4, 8, 16, 32, 64]}"
RATES = "method.lora.learning_rate={low: 1.0e-5, high: 1.0e-1, log: true}"
BRANCH = "method.any_of[2]={kind: dora, learning_rate: search, rank: search}"
WIDER = [RANKS, RATES, BRANCH, "search.trials=30"]
every_searcher = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n == "gp" else []) for n in sorted(SEARCHERS)],
)


def finished(stage: Any) -> Conductor:
    conductor: Conductor = stage.open()
    stage.play(conductor)
    stage.close()
    return conductor


def kill(stage: Any, moment: int) -> None:
    stage.events, stage.die_after = 0, moment
    with pytest.raises(BaseException, match=r"^$"):
        stage.play(stage.open())
    stage.close()
    stage.die_after = None


def amended(stage: Any, *overrides: str) -> list[str]:
    said = amend(stage.run, overrides)
    stage.sweep = stage.run.sweep()
    return said


def events(stage: Any) -> list[Any]:
    return list(read_journal(stage.run.journal))


def story(stage: Any) -> list[dict[str, Any]]:
    return [e.model_dump(exclude={"time"}) for e in events(stage) if e.event != "sweep_resumed"]


@every_searcher
@pytest.mark.parametrize("scheduler", [{"kind": "none"}, PROMOTE], ids=["none", "promote"])
def test_every_searcher_goes_on_in_a_wider_space(
    stage: StageMaker, name: str, scheduler: dict[str, Any]
) -> None:
    at = stage(slots=2, **{**OPTIONS, "searcher": {"kind": name}, "scheduler": scheduler})
    kill(at, 90 if scheduler is not PROMOTE else 50)
    old, before = at.sweep, at.run.history().trials
    assert (scheduler is PROMOTE) == bool(at.run.history().paused)
    assert any(trial.status.is_open for trial in before.values())
    said = amended(at, *WIDER)
    assert f"begins anew with {len(before)} earlier trials as its history" in " ".join(said)
    assert "method: one of lora, ia3 → one of lora, ia3, dora" in said
    assert "method.lora.rank: one of 1, 2, 4, 8, 16, 32 → one of 1, 2, 3, 4, 8, 16, 32, 64" in said
    conductor = finished(at)
    history = conductor.history
    assert history.counted == 30
    assert len(history.of_kind(Kind.TRIAL)) == 30
    for trial in history.of_kind(Kind.TRIAL):
        # Each point is that of the values, and those are what was trained, before and after.
        decoded = at.sweep.space.decode(trial.cube)
        assert all(agree(decoded[key], value) for key, value in trial.values.items())
        if trial.id in before:
            assert old.trial(before[trial.id].values) == at.sweep.trial(trial.values)
            if not before[trial.id].status.is_open:
                assert trial.reports == before[trial.id].reports
    later = [trial for trial in history.of_kind(Kind.TRIAL) if trial.id not in before]
    if name not in ("nelder-mead", "auto"):  # who may stay with the best branch
        assert "dora" in {trial.values["method"] for trial in later}
    if scheduler is not PROMOTE:  # what is pruned counts for no more than the best that is whole
        check_pairs(conductor)
    check_state_is_replayed(at, conductor)


def check_pairs(conductor: Conductor) -> None:
    """What the searcher holds of a trial is that trial's own value, at its place."""
    searcher, sweep = conductor.state.searcher, conductor.sweep
    trials = conductor.history.of_kind(Kind.TRIAL)
    if isinstance(searcher, NelderMead):
        known = [
            (searcher._cube(branch, point), -loss)
            for branch in searcher._results
            for point, loss in searcher._results.of(branch)
        ]
        expected = [(trial.cube, trial.metrics["accuracy"]) for trial in trials]
        assert sorted(map(str, known)) == sorted(map(str, expected))
    elif isinstance(searcher, OptunaSearcher):
        done = [t for t in searcher._study.trials if t.value is not None]
        assert len(done) == len(trials)
        by_value = {trial.metrics["accuracy"]: trial for trial in trials}
        for found in done:
            branch = sweep.template.branches[found.params["method"]].name
            assert by_value[found.value].values["method"] == branch


def check_state_is_replayed(stage: Any, conductor: Conductor) -> None:
    again = Conductor(stage.sweep, stage.journal, events=events(stage))
    states = [json.dumps(each.state.searcher.state()) for each in (conductor, again)]
    assert states[0] == states[1]
    assert not again.state.strayed
    assert again.history.trials == conductor.history.trials


@pytest.mark.parametrize("name", ["random", "grid", "tpe", "cmaes", "nelder-mead"])
def test_killed_after_a_change_it_tells_the_same_story(stage: StageMaker, name: str) -> None:
    options = {**OPTIONS, "searcher": {"kind": name}, "trials": 6}
    whole = stage("whole", **options)
    finished(whole)
    amended(whole, RANKS, "search.trials=12")
    finished(whole)
    expected = story(whole)
    change = next(i for i, e in enumerate(expected) if e["event"] == "amended")
    for moment in (2, 9, 25, 40):
        at = stage(f"killed-{moment}", **options)
        finished(at)
        amended(at, RANKS, "search.trials=12")
        kill(at, moment)
        finished(at)
        assert story(at) == expected, f"killed {moment} events after {change}"


def test_no_random_point_comes_twice(stage: StageMaker) -> None:
    at = stage(**{**OPTIONS, "searcher": {"kind": "random"}})
    finished(at)
    amended(at, RATES, "search.trials=24")
    finished(at)
    rates = [
        trial.values.get("method.lora.learning_rate", trial.values.get("method.ia3.learning_rate"))
        for trial in at.run.history().of_kind(Kind.TRIAL)
    ]
    assert len(set(rates)) == 24


def test_a_method_may_become_one_of_several_and_a_constant_be_searched(
    stage: StageMaker,
) -> None:
    at = stage(**OPTIONS)
    only = "method={kind: lora, learning_rate: search, rank: search, alpha_over_rank: 2}"
    at.sweep = rewritten(at, only)
    finished(at)
    before = at.run.history().of_kind(Kind.TRIAL)
    said = amended(
        at,
        "method={any_of: [{kind: ia3, learning_rate: search}, {kind: lora, learning_rate: search, "
        "rank: search, alpha_over_rank: {low: 1, high: 4}}]}",
        "search.trials=14",
    )
    assert "method: not searched → one of ia3, lora" in said
    history = finished(at).history
    for old in before:
        new = history.trials[old.id]
        assert new.values["method"] == "lora"
        assert new.values["method.lora.alpha_over_rank"] == 2
        assert new.values["method.lora.rank"] == old.values["method.rank"]
    assert history.counted == 14


def rewritten(stage: Any, override: str) -> Any:
    amend(stage.run, [override])  # nothing has begun: the file is only written
    return stage.run.sweep()


def test_narrower_what_lies_outside_stays_and_may_win(stage: StageMaker) -> None:
    at = stage(**{**OPTIONS, "searcher": {"kind": "random"}})
    finished(at)
    before = at.run.history()
    narrow = "method.lora.rank={one_of: [1, 2]}"
    outside = [
        trial.id
        for trial in before.of_kind(Kind.TRIAL)
        if trial.values.get("method.lora.rank", 1) > 2
    ]
    said = amended(at, narrow, "search.trials=20")
    assert f"{', '.join(outside)} lie outside of it" in " ".join(said)
    history = finished(at).history
    assert history.counted == 20
    for trial in list(history.of_kind(Kind.TRIAL))[12:]:
        assert trial.values.get("method.lora.rank", 1) <= 2
    for name in outside:
        assert history.trials[name].values == before.trials[name].values
        assert history.trials[name].cube == {}
    assert set(outside) < {trial.id for trial in history.ranked()}
    # What is trained again is what was trained, also where it lies outside.
    again = [t for t in history.of_kind(Kind.RETRAIN) if t.status is Status.FINISHED]
    assert all(t.values == history.trials[t.of or ""].values for t in again)


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ("training.steps=40", "training.steps"),
        ("training.batch_size=8", "training.batch_size"),
        ("method.lora.dropout=0.1", "method.dropout"),
        ("method.lora.rank=8", "method.rank"),
        ("method.any_of=[{kind: lora, learning_rate: search, rank: search}]", "method"),
    ],
)
def test_what_would_make_earlier_trials_something_else_is_refused(
    stage: StageMaker, override: str, path: str
) -> None:
    at = stage(**OPTIONS)
    finished(at)
    files = [at.run.spec_file.read_text(), at.run.journal.read_text()]
    with pytest.raises(InputError, match="cannot change in a sweep that has begun") as caught:
        amended(at, override)
    assert path in {problem.path for problem in caught.value.problems}
    assert [at.run.spec_file.read_text(), at.run.journal.read_text()] == files


def test_another_searcher_takes_the_history(stage: StageMaker) -> None:
    at = stage(**{**OPTIONS, "searcher": {"kind": "random"}})
    finished(at)
    said = amended(at, "search.searcher={kind: nelder-mead}", "search.trials=24")
    assert "search.searcher.kind: random → nelder-mead" in said
    conductor = finished(at)
    assert conductor.history.counted == 24
    check_pairs(conductor)


def test_new_first_points_come_next_and_those_that_ran_do_not_again(stage: StageMaker) -> None:
    one = {"method.lora.rank": 4, "method.lora.learning_rate": 0.001}
    at = stage(**{**OPTIONS, "first_points": [one]})
    finished(at)
    two = "{method.lora.rank: 8, method.lora.learning_rate: 0.002}"
    first = "{method.lora.rank: 4, method.lora.learning_rate: 0.001}"
    amended(at, f"search.first_points=[{first}, {two}]", "search.trials=14")
    later = [e.values for e in events(at) if isinstance(e, Asked)]
    finished(at)
    later = [e.values for e in events(at) if isinstance(e, Asked)][len(later) :]
    assert later[0] == {
        "method": "lora", "method.lora.rank": 8, "method.lora.learning_rate": 0.002,
    }  # fmt: skip
    assert not any(v.get("method.lora.learning_rate") == 0.001 for v in later)


def test_a_file_changed_by_hand_is_no_other_space_in_silence(stage: StageMaker) -> None:
    at = stage(**OPTIONS)
    kill(at, 60)
    text = at.run.spec_file.read_text()
    at.run.spec_file.write_text(text.replace("rank: search", "rank: {one_of: [1, 64]}"))
    with pytest.raises(RunFolderError, match=r"changed by hand; undo that.*autopeft resume RUN"):
        Conductor(at.run.sweep(), at.journal, events=events(at))


@pytest.mark.parametrize("journalled", [True, False])
def test_a_change_that_was_killed_is_whole_or_has_not_been(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch, journalled: bool
) -> None:
    at = stage(**OPTIONS)
    finished(at)
    before = at.run.sweep().space
    died = "pathlib.Path.replace" if journalled else "autopeft.tracking.journal.Journal.write"

    def dies(*words: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(died, dies)
        with pytest.raises(KeyboardInterrupt):
            amend(at.run, [RANKS])
    assert at.run.sweep().space == before
    amended(at)
    assert (at.sweep.space != before) is journalled
    assert any(isinstance(event, Amended) for event in events(at)) is journalled
    Conductor(at.sweep, at.journal, events=events(at))
    assert [path.name for path in at.run.path.glob(".search*")] == []
