"""From what a program or a function says to reports: steps in order, the last one final."""

import math
import numbers
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autopeft.spec.objective import RUN_SECONDS, VALUE
from autopeft.trial.base import Report
from autopeft.trial.failures import ObjectiveFailed

STEP = "step"
LONGEST_SHOWN = 60


class Course:
    """One trial on its way to step ``steps``.

    What is said of the last step waits for the end, when the result is added to it: a trial has one
    final report. A trial that ends before that step has run its course all the same.

    Args:
        steps: The last step.
        clock: Tells the time in seconds.
    """

    def __init__(self, steps: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._clock = steps, clock
        self._began = clock()
        self._step = 0
        self._metrics: dict[str, float] = {}

    def say(self, said: Mapping[str, Any]) -> Report | None:
        """Take metrics of a ``step``; return their report, but of the last step ``None``.

        Raises:
            ObjectiveFailed: The step does not come after the one before, or is above the last; or
                a metric is no number.
        """
        step = _step(said.get(STEP))
        if step <= self._step and not step == self._step == self._steps:
            raise ObjectiveFailed(f"bad report: step {step} comes after step {self._step}")
        if step > self._steps:
            raise ObjectiveFailed(f"bad report: step {step} is above task.steps {self._steps}")
        self._step = step
        self._metrics = measured({k: v for k, v in said.items() if k != STEP}, what="report")
        return None if step == self._steps else self._report(step, final=False)

    def end(self, result: Any = None) -> Report:
        """Return the final report: the result, beside what was said last.

        Raises:
            ObjectiveFailed: The result is no number, list or mapping of numbers; or nothing was
                ever said.
        """
        if result is not None:
            if isinstance(result, Mapping):
                result = {name: value for name, value in result.items() if name != STEP}
            self._metrics |= measured(result)
        elif not self._metrics:
            raise ObjectiveFailed("no result: it ended without a word on how good it was")
        return self._report(self._steps, final=True)

    def _report(self, step: int, *, final: bool) -> Report:
        metrics = {RUN_SECONDS: self._clock() - self._began, **self._metrics}
        return Report(step, metrics, final=final)


def measured(result: Any, *, what: str = "result") -> dict[str, float]:
    """Return a result as metrics.

    Raises:
        ObjectiveFailed: Something in it is no number.

    Example:
        >>> measured(0.5), measured([1, 2]), measured({"loss": 0.3})
        ({'value': 0.5}, {'value_0': 1.0, 'value_1': 2.0}, {'loss': 0.3})
    """
    if _is_number(result):
        return {VALUE: float(result)}
    if isinstance(result, Mapping):
        pairs = list(result.items())
    elif isinstance(result, Sequence) and not isinstance(result, str | bytes):
        pairs = [(f"{VALUE}_{place}", value) for place, value in enumerate(result)]
    else:
        raise ObjectiveFailed(f"bad {what}: found {_shown(result)}, a number would be right")
    for name, value in pairs:
        if not isinstance(name, str) or not _is_number(value):
            raise ObjectiveFailed(f"bad {what}: {name} is {_shown(value)}, a number would be right")
    return {name: float(value) for name, value in pairs}


def _step(step: Any) -> int:
    if not _is_number(step) or not math.isfinite(step) or step != int(step) or step < 0:
        raise ObjectiveFailed(
            f"bad report: step is {_shown(step)}, a whole number from 0 on would be right"
        )
    return int(step)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
