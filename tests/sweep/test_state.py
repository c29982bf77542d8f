"""What replaying a journal does where the searcher does not propose the same again."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

import autopeft.sweep.conductor as conductor_module
from autopeft.searchers.nelder_mead import NelderMead
from autopeft.searchers.simplex import Simplex, plain
from autopeft.spec.space import Cube
from autopeft.sweep.conductor import Conductor
from autopeft.sweep.searching import searcher_of
from autopeft.tracking.events import Asked, Ended, Kind, SweepResumed
from autopeft.tracking.journal import Journal, read_journal

StageMaker = Callable[..., Any]
OPTIONS: dict[str, Any] = {
    "baselines": False, "retrain": 0, "trials": 40, "scheduler": {"kind": "none"},
}  # fmt: skip
GRID = 21
NELDER_MEAD = {**OPTIONS, "searcher": {"kind": "nelder-mead"}}


def finished(stage: Any) -> Conductor:
    conductor: Conductor = stage.open()
    stage.play(conductor)
    stage.close()
    return conductor


def kill(stage: Any, moment: int) -> None:
    stage.die_after = moment
    with pytest.raises(BaseException, match=r"^$"):
        stage.play(stage.open())
    stage.close()
    stage.die_after = None


def rounded_otherwise(monkeypatch: pytest.MonkeyPatch, by: float) -> None:
    """Let the simplex move as on another processor: every coordinate is off by a factor."""
    moved = Simplex.moved

    def other(self: Simplex, *args: Any, **options: Any) -> Any:
        return plain([x * (1 + by) for x in moved(self, *args, **options)])

    monkeypatch.setattr(Simplex, "moved", other)


def points(stage: Any) -> list[Cube]:
    return [e.cube for e in read_journal(stage.run.journal) if isinstance(e, Asked)]


def remarks(stage: Any) -> list[str]:
    events = read_journal(stage.run.journal)
    return [event.remark for event in events if isinstance(event, SweepResumed)]


def test_what_rounds_otherwise_goes_on_as_if_nothing_had_been(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = stage("whole", **NELDER_MEAD), stage("killed", **NELDER_MEAD)
    finished(whole)
    kill(killed, 330)
    rounded_otherwise(monkeypatch, 1e-13)
    history = finished(killed).history
    assert remarks(killed) == [""]
    assert history.counted == 40
    for one, other in zip(points(whole), points(killed), strict=True):
        assert one == pytest.approx(other, abs=1e-7)


def rounded(point: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(x, 12) for x in point)


def check_pairs(conductor: Conductor) -> None:
    """Every value the simplex search knows is the one that was journalled for that point.

    Up to rounding: what the search computes anew may differ from the journal in the last place.
    """
    searcher = conductor.state.searcher
    assert isinstance(searcher, NelderMead)
    told = {
        rounded(x for name, x in trial.cube.items() if name != "method"): trial.metrics["accuracy"]
        for trial in conductor.history.of_kind(Kind.TRIAL)
        if not trial.status.is_open
    }
    found = searcher.state()["results"]["found"]
    known = {rounded(p): loss for _, results in found for p, loss in results}
    assert {point: -loss for point, loss in known.items()} == told


@pytest.mark.parametrize("by", [1e-6, 0.05])
def test_other_points_are_adopted_with_a_remark_and_their_own_values(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch, by: float
) -> None:
    at = stage(slots=3, **NELDER_MEAD)
    kill(at, 330)
    before = points(at)
    rounded_otherwise(monkeypatch, by)
    again: Conductor = at.open()
    check_pairs(again)
    strayed = again.state.strayed
    assert strayed
    (remark,) = remarks(at)
    assert f"from {strayed[0]} on, {len(strayed)} of {len(before)} points" in remark
    assert again.history.remark == remark
    at.play(again)
    at.close()
    check_pairs(again)
    assert again.history.counted == 40
    assert points(at)[: len(before)] == before
    # The same driver, resumed once more: the same state, the same remark.
    events = list(read_journal(at.run.journal))
    once_more = Conductor(at.sweep, at.journal, events=events)
    assert once_more.state.searcher.state() == again.state.searcher.state()
    assert once_more.state.strayed[: len(strayed)] == strayed


@pytest.mark.parametrize("kind", ["random", "grid", "qmc", "tpe", "cmaes", "nsga2", "nelder-mead"])
def test_a_searcher_that_proposes_nothing_of_the_journal_goes_on(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As with another version of a library: every point differs."""
    at = stage(slots=2, **{**OPTIONS, "searcher": {"kind": kind}})
    kill(at, 200)
    before = [e for e in read_journal(at.run.journal) if isinstance(e, Asked)]
    ended = {e.trial for e in read_journal(at.run.journal) if isinstance(e, Ended)}

    def other(sweep: Any, *words: Any) -> Any:
        moved = sweep.settings.model_copy(update={"seed": 99})
        monkeypatch.setattr(sweep, "settings", moved)
        return searcher_of(sweep, *words)

    monkeypatch.setattr(conductor_module, "searcher_of", other)
    again: Conductor = at.open()
    assert len(again.state.strayed) > len(before) / 2
    asked = again.state.searcher.ask()
    assert getattr(asked, "number", len(before)) == len(before)
    at.close()
    again = at.open()
    at.play(again)
    at.close()
    history = again.history
    asked_points = {tuple(cube.items()) for cube in points(at)}
    # LoRA has 6 ranks at 3 rates, IA3 has 3 rates: each of them comes once.
    count = GRID if kind == "grid" else 40
    assert history.counted == count == len(asked_points)
    assert {trial.id for trial in history.of_kind(Kind.TRIAL)} >= ended


def test_the_searcher_hears_how_long_a_trial_kept_its_worker(stage: StageMaker) -> None:
    """Not of the time without a driver; nothing of what was never trained."""
    at = stage(**OPTIONS)
    clock = [1000.0]

    def now() -> float:
        clock[0] += 1.0
        return clock[0]

    def opened() -> Conductor:
        events = list(read_journal(at.run.journal)) if at.run.journal.exists() else []
        at.journal = Journal(at.run.journal)
        return Conductor(at.sweep, at.journal, events=events, now=now)

    first = opened()
    first.next()
    first.on_report("t0000", step=10, metrics={"accuracy": 0.1}, final=False)
    at.close()
    clock[0] += 5000  # a night without a driver
    again = opened()
    again.resume()
    again.next()
    again.on_report("t0000", step=80, metrics={"accuracy": 0.5}, final=True)
    again.next()
    again.on_refused("t0001", reason="invalid: rank above width")
    at.close()
    outcomes = [again.state.outcome(again.history.trials[name]) for name in ("t0000", "t0001")]
    assert outcomes[0].seconds is not None
    assert 0 < outcomes[0].seconds < 20
    assert outcomes[1].seconds is None
