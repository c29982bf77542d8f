"""What becomes of a trial by what its worker says. Pure: judges, writes nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from autopeft.schedulers import Decision
from autopeft.sweep.state import SweepState
from autopeft.tracking.configuration import OUT_OF_MEMORY
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.trial_history import PATIENCE

OUT_OF_TIME = "hours: search.hours are over"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A trial is over: how, why, and of which other trial it is a duplicate."""

    status: Status
    reason: str = ""
    duplicate_of: str | None = None


def of_build(
    state: SweepState, trial: str, *, effective: str, trainable_parameters: int | None
) -> Verdict | None:
    """End a search trial that breaks a bound or was built before; let all else go on."""
    history = state.history.trials[trial]
    if history.kind is not Kind.TRIAL or history.reports:  # one that goes on has been judged
        return None
    bound = state.search.constraints.get("trainable_parameters")
    size = trainable_parameters
    if bound is not None and size is not None and bound.violation(size) > 0:
        reason = f"constraint: trainable_parameters {size} breaks {bound!r}"
        return Verdict(Status.REFUSED, reason)
    twin = state.twin(trial, effective)
    if twin is not None:
        return Verdict(Status.DUPLICATE, f"duplicate: of {twin}", twin)
    return None


def of_report(
    state: SweepState,
    trial: str,
    *,
    step: int,
    metrics: Mapping[str, float],
    final: bool,
    now: float,
) -> Verdict | None:
    """End a trial that has diverged, is done, no longer improves, is stopped, or out of time."""
    searched = state.history.trials[trial].kind is Kind.TRIAL
    missing = [name for name in state.search.objectives if name not in metrics]
    if searched and final and missing:
        found = ", ".join(sorted(metrics)) or "nothing"
        return Verdict(Status.FAILED, f"no objective: {', '.join(missing)} is not among {found}")
    if searched and _is_no_number(state, metrics):
        shown = {name: metrics.get(name) for name in state.search.objectives}
        return Verdict(Status.FAILED, f"nan: at step {step}, {shown}")
    if final:
        return Verdict(Status.FINISHED)
    early = _of_rules(state, trial)
    if early is not None:
        return early
    if searched and state.is_out_of_time(now):
        return Verdict(Status.STOPPED, OUT_OF_TIME)
    return None


def _is_no_number(state: SweepState, metrics: Mapping[str, float]) -> bool:
    """Whether an objective is NaN or infinite; one that is only scored at the end may lack."""
    return not all(math.isfinite(metrics.get(name, 0.0)) for name in state.search.objectives)


def of_kill(state: SweepState, trial: str) -> Verdict | None:
    """End a trial whose driver was killed between its last report and its end."""
    if state.history.trials[trial].is_complete:
        return Verdict(Status.FINISHED)
    return _of_rules(state, trial)


def of_waiting(state: SweepState, *, now: float) -> Verdict:
    """End a paused trial that nobody will promote any more."""
    if state.is_out_of_time(now):
        return Verdict(Status.STOPPED, OUT_OF_TIME)
    return Verdict(Status.STOPPED, "scheduler: not promoted")


def _of_rules(state: SweepState, trial: str) -> Verdict | None:
    if trial in state.out_of_patience and state.search.patience is not None:
        reports = state.search.patience.reports
        return Verdict(Status.STOPPED, f"{PATIENCE}: no better for {reports} reports")
    if state.decisions.get(trial) is Decision.STOP:
        return Verdict(Status.STOPPED, "scheduler: early")
    return None


def is_worth_another_attempt(
    reason: str, *, retries: int, max_failures: int, has_smaller: bool
) -> bool:
    """Whether to run a trial again that failed for ``reason``, where that can help.

    A lost worker: as it was, from the last checkpoint, up to ``max_failures`` times. Out of
    memory: as a trial that takes less, if it has such a one.

    Example:
        >>> one = {"retries": 1, "max_failures": 3, "has_smaller": True}
        >>> [is_worth_another_attempt(why, **one) for why in ("worker lost", "nan: at step 3")]
        [True, False]
    """
    if reason.startswith(OUT_OF_MEMORY):
        return has_smaller
    return reason.startswith("worker") and retries < max_failures
