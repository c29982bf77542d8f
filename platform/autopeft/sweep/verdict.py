"""What becomes of a trial by what its worker says. Pure: judges, writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from autopeft.schedulers import Decision
from autopeft.sweep.assignment import OUT_OF_MEMORY
from autopeft.sweep.state import SweepState
from autopeft.tracking.events import Kind, Status
from autopeft.tracking.history import PATIENCE

SMALLEST_BATCH = 2
OUT_OF_TIME = "hours: search.hours are over"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A trial is over: how, why, and of which other trial it is a duplicate."""

    status: Status
    reason: str = ""
    duplicate_of: str | None = None


def of_build(
    state: SweepState, trial: str, *, effective: str, trainable_parameters: int
) -> Verdict | None:
    """End a search trial that breaks a bound or was built before; let all else go on."""
    history = state.history.trials[trial]
    if history.kind is not Kind.TRIAL or history.reports:  # one that goes on has been judged
        return None
    bound = state.search.constraints.get("trainable_parameters")
    if bound is not None and bound.violation(trainable_parameters) > 0:
        reason = f"constraint: trainable_parameters {trainable_parameters} breaks {bound!r}"
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
    if searched and _is_no_number(state, metrics, final=final):
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


def _is_no_number(state: SweepState, metrics: Mapping[str, float], *, final: bool) -> bool:
    """Whether an objective is none; one that is only scored at the end may lack before."""
    losses = zip(state.search.objectives, state.history.losses(metrics), strict=True)
    return any(loss == float("inf") and (final or name in metrics) for name, loss in losses)


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
    reason: str, *, retries: int, max_failures: int, batch_size: int
) -> bool:
    """Whether to run a trial again that failed for ``reason``, where that can help.

    A lost worker: as it was, from the last checkpoint, up to ``max_failures`` times. Out of
    memory: with half the batch and twice the accumulation, down to a batch of 2.

    Example:
        >>> one = {"retries": 1, "max_failures": 3, "batch_size": 8}
        >>> [is_worth_another_attempt(why, **one) for why in ("worker lost", "nan: at step 3")]
        [True, False]
    """
    if reason.startswith(OUT_OF_MEMORY):
        return batch_size // 2 >= SMALLEST_BATCH
    return reason.startswith("worker") and retries < max_failures
