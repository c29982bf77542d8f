"""What a search file may say and hardly means: nothing is refused, but it is said."""

import math
from collections.abc import Iterator

from autopeft.core.errors import Problem
from autopeft.spec.search import AshaScheduler
from autopeft.spec.sweep import Sweep
from autopeft.spec.training import Training

GRACE = ("search", "scheduler", "grace_steps")
REPORTS = ("training", "report_every")


def remarks(sweep: Sweep) -> Iterator[Problem]:
    """Yield what is allowed and hardly meant, with its place and what may be better."""
    trial = sweep.trial(sweep.space.decode({d.name: 0.0 for d in sweep.space.dimensions}))
    training, scheduler = trial.training, sweep.settings.search.scheduler
    if training.report_every > training.steps:
        yield sweep.problem(
            REPORTS,
            f"{training.report_every} is above training.steps {training.steps}: a trial reports "
            "once, at its end",
        )
    if isinstance(scheduler, AshaScheduler):
        yield from _judged_late(sweep, scheduler, training)


def _judged_late(sweep: Sweep, asha: AshaScheduler, training: Training) -> Iterator[Problem]:
    """Yield that a rung lies between two reports, so that trials are judged at the second."""
    rungs = [
        rung for k in range(64) if (rung := asha.grace_steps * asha.reduction**k) < training.steps
    ]
    every = training.report_every
    judged = [min(math.ceil(rung / every) * every, training.steps) for rung in rungs]
    if not judged or judged == rungs:
        return
    if judged[0] >= training.steps:
        yield sweep.problem(
            GRACE,
            f"no trial stops early: after step {rungs[0]:g} the next report is the last, at step "
            f"{training.steps}; a smaller training.report_every ({every}) would do, or scheduler: "
            "{kind: none}",
        )
        return
    yield sweep.problem(
        GRACE,
        f"trials are judged at the next report, so at step {_steps(judged)} and not at "
        f"{_steps(rungs)}; training.report_every ({every}) may divide them",
    )


def _steps(steps: list[float] | list[int]) -> str:
    return ", ".join(f"{step:g}" for step in steps)
