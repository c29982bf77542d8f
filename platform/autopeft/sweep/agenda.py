"""What a sweep does next: paused trials go on, then points of the searcher, then all else.

Baselines run beside the search, retrainings after it. A paused trial that nobody will promote any
more ends as soon as no search trial runs and the searcher has nothing to say: it may be waiting for
just that one's result.
"""

from autopeft.schedulers import Decision, Promotion
from autopeft.schedulers.explore import explore
from autopeft.searchers import Done, Proposal, Wait
from autopeft.spec.sweep import Sweep
from autopeft.sweep import verdict
from autopeft.sweep.extras import baseline_runs, retrain_runs
from autopeft.sweep.state import SweepState
from autopeft.tracking.events import Asked, Ended, Kind, Planned, Promoted

ASKS_PER_BASELINE = 2
Step = Asked | Planned | Promoted | Ended


def next_step(sweep: Sweep, state: SweepState, *, now: float) -> Step | None:
    """Return the event that begins, continues or ends a trial, or ``None`` if there is none now.

    The searcher is asked for it; the caller journals and applies the event before it asks again.
    """
    return (
        _next_promotion(sweep, state, now=now)
        or _next_baseline(sweep, state, now=now)
        or _next_point(sweep, state, now=now)
        or _next_settled(sweep, state, now=now)
        or _last_baselines(sweep, state, now=now)
        or _next_retraining(sweep, state, now=now)
    )


def _next_promotion(
    sweep: Sweep, state: SweepState, *, now: float, last: bool = False
) -> Promoted | None:
    """A paused trial, if the scheduler promotes one, or would not have paused it.

    The latter is so after a resume with another scheduler.
    """
    if not state.history.paused or state.is_out_of_time(now):
        return None
    for trial in state.history.paused:
        if state.decisions.get(trial.id) is Decision.CONTINUE:
            return Promoted(time=now, trial=trial.id)
    promotion = state.scheduler.next_to_promote(last=last, alike=state.alike)
    return None if promotion is None else _promoted(sweep, state, promotion, now=now)


def _promoted(sweep: Sweep, state: SweepState, promotion: Promotion, *, now: float) -> Promoted:
    """Return the event; a copy's values are explored from those of its source."""
    if promotion.source is None:
        return Promoted(time=now, trial=promotion.trial)
    explored = explore(
        sweep.space,
        state.history.trials[promotion.source].values,
        seed=promotion.seed,
        resample=getattr(state.search.scheduler, "resample", 0.0),
    )
    return Promoted(time=now, trial=promotion.trial, source=promotion.source, values=explored)


def _next_settled(sweep: Sweep, state: SweepState, *, now: float) -> Promoted | Ended | None:
    """The last promotions where nothing else moves the search, then the end of who still waits."""
    paused = state.history.paused
    if not paused or any(trial.kind is Kind.TRIAL for trial in state.history.running):
        return None
    promotion = _next_promotion(sweep, state, now=now, last=True)
    if promotion is not None:
        return promotion
    end = verdict.of_waiting(state, now=now)
    return Ended(time=now, trial=paused[0].id, status=end.status, reason=end.reason)


def _next_baseline(sweep: Sweep, state: SweepState, *, now: float) -> Planned | None:
    """A baseline after every second point asked, so that they run beside the search."""
    planned = len(state.history.of_kind(Kind.BASELINE))
    asked = len(state.history.of_kind(Kind.TRIAL))
    due = asked >= planned * ASKS_PER_BASELINE
    return _last_baselines(sweep, state, now=now) if due else None


def _next_point(sweep: Sweep, state: SweepState, *, now: float) -> Asked | None:
    search, history = state.search, state.history
    unfinished = [*history.running, *history.paused]
    running = sum(trial.kind is Kind.TRIAL for trial in unfinished)
    if history.counted >= search.trials:
        state.search_over = state.search_over or f"{search.trials} trials done"
    if state.is_out_of_time(now):
        state.search_over = f"search.hours {search.hours:g} are over"
    if state.search_over or history.counted + running >= search.trials:
        return None
    match state.searcher.ask():
        case Wait():
            return None
        case Done(reason):
            state.search_over = reason
            return None
        case Proposal(number, cube):
            return Asked(
                time=now,
                trial=f"t{number:04d}",
                number=number,
                cube=dict(cube),
                values=sweep.space.decode(cube),
            )


def _last_baselines(sweep: Sweep, state: SweepState, *, now: float) -> Planned | None:
    runs = baseline_runs(sweep)
    planned = len(state.history.of_kind(Kind.BASELINE))
    return _at(now, runs[planned]) if planned < len(runs) else None


def _next_retraining(sweep: Sweep, state: SweepState, *, now: float) -> Planned | None:
    """A retraining once all else is done: only then it is known who is best."""
    unfinished = [*state.history.running, *state.history.paused]
    if any(trial.kind is not Kind.RETRAIN for trial in unfinished):
        return None
    runs = retrain_runs(sweep, state.history)
    return _at(now, runs[0]) if runs else None


def _at(now: float, planned: Planned) -> Planned:
    return planned.model_copy(update={"time": now})
