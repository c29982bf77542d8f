"""Trials that are programs: started with their parameters, heard, and ended."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autopeft.core.errors import RunFolderError
from autopeft.spec.objective import CommandTask, filled
from autopeft.spec.trial import ObjectiveSpec
from autopeft.trial.base import Building, Report, fingerprint
from autopeft.trial.course import STEP, Course
from autopeft.trial.failures import ObjectiveFailed
from autopeft.trial.guard import Guard
from autopeft.trial.process import Process

NOWHERE = Path("trials") / "trial"
# Ray's own words for its workers; a program that uses Ray itself would take them for its own.
NOT_PASSED_ON = "RAY_"


class CommandRunner:
    """Keeps nothing but the guard, which ends programs that a killed worker leaves."""

    def __init__(self, cache: Path, *, cpus: int = 1, gpus: float = 0) -> None:
        self._guard: Guard | None = None

    def warm(self, spec: ObjectiveSpec) -> None:
        """Start the guard."""
        self._open_guard()

    def open(
        self,
        spec: ObjectiveSpec,
        *,
        folder: Path | None,
        score_test: bool = False,
        until: float | None = None,
    ) -> "CommandSession":
        """Fill in the command; it starts with the first ``advance``."""
        return CommandSession(spec, folder=folder, until=until, guard=self._open_guard())

    def close(self) -> None:
        """End the guard, and what it still watches."""
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _open_guard(self) -> Guard:
        self._guard = self._guard or Guard()
        return self._guard


class CommandSession:
    """One program: a line of JSON with a ``step`` is a report, its end and result the last one."""

    def __init__(
        self, spec: ObjectiveSpec, *, folder: Path | None, until: float | None, guard: Guard
    ) -> None:
        assert isinstance(spec.task, CommandTask)
        self._temporary = TemporaryDirectory(prefix="autopeft-") if folder is None else None
        self._folder = folder or Path(self._temporary.name if self._temporary else "") / NOWHERE
        self._where = Path(spec.task.folder)
        # A name of its own: of a worker that was lost, the program may still be writing.
        self._out = self._folder / f"result-{os.getpid()}.json"
        shared = {**spec.task.parameters, "seed": spec.seed, "steps": spec.steps}
        self._words = filled(
            spec.task.command,
            {
                **shared,
                "out": self._out,
                "trial": self._folder.name,
                "trial_dir": self._folder,
                "run_dir": self._folder.parent.parent,
            },
        )
        alike = filled(spec.task.command, {**dict.fromkeys(_PLACES, ""), **shared})
        self.building = Building(
            fingerprint([alike, str(self._where)]), None, {"command": self._words}
        )
        self._steps, self._until, self._guard = spec.steps, until, guard
        self._process: Process | None = None
        self._course: Course | None = None

    def advance(self) -> Report:
        """Let the program work up to its next report.

        Raises:
            ObjectiveFailed: It cannot be started, fails, is not over in time, or says nothing, or
                nothing that could be understood.
        """
        if self._process is None or self._course is None:
            self._process, self._course = self._start(), Course(self._steps)
        try:
            while (line := self._process.next_line(until=self._until)) is not None:
                said = said_in(line)
                report = None if said is None else self._course.say(said)
                if report is not None:
                    return report
            return self._last(self._process, self._course)
        except ObjectiveFailed as error:
            error.log = error.log or self._process.tail
            raise

    def close(self) -> None:
        """End the program and all it has started, and take its result file away."""
        if self._process is not None:
            self._process.end()
            self._process = None
        self._out.unlink(missing_ok=True)
        if self._temporary is not None:
            self._temporary.cleanup()

    def _start(self) -> Process:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._out.unlink(missing_ok=True)
        except OSError as error:
            raise RunFolderError(f"{self._folder}: cannot be written: {error.strerror}") from error
        # Else a Python program's lines come in blocks of 8 KB, and early stopping too late.
        environment = {"PYTHONUNBUFFERED": "1"} | {
            name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)
        }
        return Process(self._words, folder=self._where, environment=environment, guard=self._guard)

    def _last(self, process: Process, course: Course) -> Report:
        """Return the final report of a program that has ended."""
        code = process.code
        if code:
            words = next((w for w in reversed(process.tail.splitlines()) if w.strip()), "")
            name = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise ObjectiveFailed(f"{name}: {words.strip()}" if words else name)
        return course.end(self._result())

    def _result(self) -> Any:
        """Return what the program wrote to its result file; ``None`` if that is nothing."""
        try:
            text = self._out.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return None
        if not text.strip():
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise ObjectiveFailed(
                f"bad result: {text[:60]!r} is not JSON ({error}); a number, a list or an object "
                "of numbers would be right"
            ) from error


_PLACES = ("out", "trial", "trial_dir", "run_dir")


def said_in(line: str) -> Mapping[str, Any] | None:
    """Return the report in a line of output; ``None`` where the program talks about other things.

    Example:
        >>> said_in('{"step": 10, "loss": 0.3}')
        {'step': 10, 'loss': 0.3}
        >>> said_in("10 steps done"), said_in('{"level": "info"}')
        (None, None)
    """
    if not line.startswith("{"):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and STEP in said else None
