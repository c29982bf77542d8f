"""Trials that are calls of a Python function, in the worker's own process."""

import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from autopeft.spec.objective import FunctionTask
from autopeft.spec.trial import ObjectiveSpec
from autopeft.trial.base import Building, Report, fingerprint
from autopeft.trial.course import Course
from autopeft.trial.failures import ObjectiveFailed
from autopeft.trial.objectives import load_objective


class FunctionRunner:
    """Keeps the function; its module is imported once."""

    def __init__(self, cache: Path, *, cpus: int = 1, gpus: float = 0) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}

    def warm(self, spec: ObjectiveSpec) -> None:
        """Import the function."""
        self._function(spec)

    def open(
        self,
        spec: ObjectiveSpec,
        *,
        folder: Path | None,
        score_test: bool = False,
        until: float | None = None,
    ) -> "FunctionSession":
        """Take the parameters; the call comes with the first ``advance``."""
        return FunctionSession(spec, self._function(spec), until=until)

    def close(self) -> None:
        """Nothing outlives the process."""

    def _function(self, spec: ObjectiveSpec) -> Callable[..., Any]:
        assert isinstance(spec.task, FunctionTask)
        name = spec.task.entry_point
        if name not in self._functions:
            self._functions[name] = load_objective(name)
        return self._functions[name]


class FunctionSession:
    """One call: what is returned is the last report, what a generator yields those before it."""

    def __init__(
        self, spec: ObjectiveSpec, function: Callable[..., Any], *, until: float | None
    ) -> None:
        assert isinstance(spec.task, FunctionTask)
        seed = {"seed": spec.seed} if spec.task.seeded else {}
        self._arguments = {**spec.task.parameters, **seed}
        self._function, self._until, self._steps = function, until, spec.steps
        self._course: Course | None = None
        self._yields: Generator[Any, None, Any] | None = None
        self.building = Building(
            fingerprint([spec.task.entry_point, self._arguments, spec.steps]), None, {}
        )

    def advance(self) -> Report:
        """Call the function, or let its generator go on, up to the next report.

        Raises:
            ObjectiveFailed: It took too long, or gave back nothing that could be understood.
            Exception: Whatever the function raises.
        """
        if self._course is None:
            self._course = Course(self._steps)
            result = self._function(**self._arguments)
            if not isinstance(result, Generator):
                return self._course.end(result)
            self._yields = result
        assert self._yields is not None
        while True:
            try:
                said = next(self._yields)
            except StopIteration as stop:
                return self._course.end(stop.value)
            if not isinstance(said, Mapping):
                raise ObjectiveFailed(f"bad report: found {said!r:.60}, a mapping would be right")
            report = self._course.say(said)
            if report is not None:
                return report
            if self._until is not None and time.monotonic() > self._until:
                raise ObjectiveFailed("timeout: search.trial_timeout is over")

    def close(self) -> None:
        """Close a generator where it stands: its ``finally`` runs."""
        if self._yields is not None:
            self._yields.close()
            self._yields = None
