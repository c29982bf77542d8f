"""A whole trial in one call, for scripts and tests; the sweep drives the same session in steps."""

from collections.abc import Callable
from pathlib import Path

from autopeft.spec.trial import TrialSpec
from autopeft.trial.session import Report, TrialSession
from autopeft.trial.worker import Worker


def run_trial(
    spec: TrialSpec,
    *,
    worker: Worker,
    report: Callable[[Report], bool] = lambda report: True,
    folder: Path | None = None,
    score_test: bool = False,
) -> Report:
    """Train and score one configuration, resuming from its last checkpoint if there is one.

    Args:
        spec: The configuration.
        worker: Keeps base and data warm between calls.
        report: Called with every report; returning False stops the trial there.
        folder: Where checkpoint and adapter go; ``None`` keeps nothing.
        score_test: Whether to score the test split at the end.

    Returns:
        The last report.
    """
    session = TrialSession(spec, worker, folder=folder, score_test=score_test)
    try:
        last = session.advance()
        while report(last) and not last.final:
            last = session.advance()
    finally:
        session.close()
    return last
