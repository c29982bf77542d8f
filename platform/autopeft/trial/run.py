"""A whole trial in one call, for scripts and tests; the sweep drives the same session in steps."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autopeft.spec.trial import AnyTrial
from autopeft.trial.base import Report, Runner


def run_trial(
    spec: AnyTrial,
    *,
    runner: Runner[Any],
    report: Callable[[Report], bool] = lambda report: True,
    folder: Path | None = None,
    score_test: bool = False,
    timeout_s: float | None = None,
) -> Report:
    """Run and score one configuration, resuming from its last checkpoint if there is one.

    Args:
        spec: The configuration.
        runner: Keeps what is needed warm between calls.
        report: Called with every report; returning False stops the trial there.
        folder: Where checkpoint and adapter go; ``None`` keeps nothing.
        score_test: Whether to score the test split at the end.
        timeout_s: After how long the trial has failed.

    Returns:
        The last report.
    """
    until = None if timeout_s is None else time.monotonic() + timeout_s
    session = runner.open(spec, folder=folder, score_test=score_test, until=until)
    try:
        last = session.advance()
        while report(last) and not last.final:
            last = session.advance()
    finally:
        session.close()
    return last
