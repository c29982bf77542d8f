"""What a sweep begins next: points of the searcher, baselines beside them, retrainings after."""

from autopeft.searchers import Done, Proposal, Wait
from autopeft.spec.sweep import Sweep
from autopeft.sweep.extras import baseline_runs, retrain_runs
from autopeft.sweep.state import SweepState
from autopeft.tracking.events import Asked, Kind, Planned

ASKS_PER_BASELINE = 2
Beginning = Asked | Planned


def next_beginning(sweep: Sweep, state: SweepState, *, now: float) -> Beginning | None:
    """Return the event that begins the next new trial, or ``None`` if there is none now.

    The searcher is asked for it; the caller journals and applies the event before it asks again.
    """
    return (
        _next_baseline(sweep, state, now=now)
        or _next_point(sweep, state, now=now)
        or _last_baselines(sweep, state, now=now)
        or _next_retraining(sweep, state, now=now)
    )


def _next_baseline(sweep: Sweep, state: SweepState, *, now: float) -> Planned | None:
    """A baseline after every second point asked, so that they run beside the search."""
    planned = len(state.history.of_kind(Kind.BASELINE))
    asked = len(state.history.of_kind(Kind.TRIAL))
    due = asked >= planned * ASKS_PER_BASELINE
    return _last_baselines(sweep, state, now=now) if due else None


def _next_point(sweep: Sweep, state: SweepState, *, now: float) -> Asked | None:
    search, history = state.search, state.history
    running = sum(trial.kind is Kind.TRIAL for trial in history.running)
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
    if any(trial.kind is not Kind.RETRAIN for trial in state.history.running):
        return None
    runs = retrain_runs(sweep, state.history)
    return _at(now, runs[0]) if runs else None


def _at(now: float, planned: Planned) -> Planned:
    return planned.model_copy(update={"time": now})
