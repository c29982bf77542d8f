"""What a search file may say and hardly means: nothing is refused, but it is said."""

import math
from collections.abc import Iterator

from autopeft.core.errors import Problem
from autopeft.spec.scheduler import PbtScheduler
from autopeft.spec.sweep import Sweep

GRACE = ("search", "scheduler", "grace_steps")
MOST_RUNGS = 64
REPORTS = ("training", "report_every")


def remarks(sweep: Sweep) -> Iterator[Problem]:
    """Yield what is allowed and hardly meant, with its place and what may be better."""
    trial, scheduler = sweep.any_trial, sweep.settings.search.scheduler
    steps, every = trial.steps, trial.report_every
    if getattr(scheduler, "mode", "stop") == "promote" and not trial.task.has_checkpoints:
        yield sweep.problem(
            ("search", "scheduler", "mode"),
            f"a {trial.task.kind} trial has no checkpoint: one that is paused and promoted begins "
            "anew, unless it keeps its own in {trial_dir}; mode: stop repeats nothing",
        )
    yield from _untaught(sweep)
    if every is None:  # only a trial can tell when it reports
        return
    if every > steps:
        yield sweep.problem(
            REPORTS,
            f"{every} is above training.steps {steps}: a trial reports once, at its end",
        )
    if scheduler.kind == "asha" or scheduler.kind == "hyperband":
        yield from _judged_late(sweep, scheduler.grace_steps, scheduler.reduction, steps, every)
    if scheduler.kind == "pbt":
        yield from _populations(sweep, scheduler, every)


def _untaught(sweep: Sweep) -> Iterator[Problem]:
    """Yield that a searcher makes nothing of the trials that the scheduler stops or pauses."""
    search = sweep.settings.search
    if len(search.objectives) > 1 or search.searcher.learns_from != "whole":
        return
    if search.scheduler.kind in ("asha", "hyperband", "median"):
        yield sweep.problem(
            ("search", "searcher", "kind"),
            f"{search.searcher.kind} learns from trials that run to their end only, and "
            f"{search.scheduler.kind} lets few do so; tpe and nelder-mead learn from all of them",
        )


def _populations(sweep: Sweep, pbt: PbtScheduler, every: int) -> Iterator[Problem]:
    """Yield that rounds lie between two reports, or that a population is never complete."""
    if pbt.interval_steps % every:
        yield sweep.problem(
            ("search", "scheduler", "interval_steps"),
            f"members wait at the next report after every {pbt.interval_steps} steps; "
            f"training.report_every ({every}) may divide them",
        )
    trials = sweep.settings.search.trials
    if trials % pbt.population:
        yield sweep.problem(
            ("search", "scheduler", "population"),
            f"the last population has {trials % pbt.population} members and not {pbt.population}; "
            f"search.trials ({trials}) may be a multiple",
        )


def _judged_late(
    sweep: Sweep, grace_steps: int, reduction: float, steps: int, every: int
) -> Iterator[Problem]:
    """Yield that a rung lies between two reports, so that trials are judged at the second."""
    rungs = [float(grace_steps)]
    while rungs[-1] * reduction < steps and len(rungs) < MOST_RUNGS:
        rungs.append(rungs[-1] * reduction)
    judged = [min(math.ceil(rung / every) * every, steps) for rung in rungs]
    if judged[0] >= steps:
        yield sweep.problem(
            GRACE,
            f"no trial stops early: the first report from step {grace_steps} on is the last, at "
            f"step {steps}; report or judge earlier (training.report_every is {every}), "
            "or write scheduler: {kind: none}",
        )
        return
    if judged == rungs:
        return
    yield sweep.problem(
        GRACE,
        f"trials are judged at the next report, so at step {_steps(judged)} and not at "
        f"{_steps(rungs)}; training.report_every ({every}) may divide them",
    )


def _steps(steps: list[float] | list[int]) -> str:
    return ", ".join(f"{step:g}" for step in steps)
