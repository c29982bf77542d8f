"""What a trial is to whoever runs it: built, advanced from report to report, closed.

Two protocols are all that a sweep knows. A ``Runner`` is what a warm process keeps between trials
of one kind of task; it opens a ``Session`` for each of them. Nothing here loads torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from autopeft.spec.trial import AnyTrial

Spec = TypeVar("Spec", bound=AnyTrial, contravariant=True)


@dataclass(frozen=True, slots=True)
class Building:
    """What a configuration came to.

    Attributes:
        effective: Hash of what will really run, with every value that matters and the seed.
        trainable_parameters: How many numbers are trained; ``None`` where nothing is.
        details: Adapted modules, ranks, scaling; or the words of a command.
    """

    effective: str
    trainable_parameters: int | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """Metrics after ``step`` steps; ``final`` if there are no more."""

    step: int
    metrics: Mapping[str, float]
    final: bool


class Session(Protocol):
    """One configuration at work.

    Attributes:
        building: What it came to.
    """

    building: Building

    def advance(self) -> Report:
        """Go on up to the next report and return it; the last one is ``final``."""
        ...

    def close(self) -> None:
        """Leave nothing behind, wherever the trial stands."""
        ...


class Runner(Protocol[Spec]):
    """What a process keeps warm between trials of one kind; made with ``(cache, cpus=, gpus=)``."""

    def warm(self, spec: Spec) -> None:
        """Load what every trial needs.

        Raises:
            AutopeftError: It cannot be had; no trial could run.
        """
        ...

    def open(
        self, spec: Spec, *, folder: Path | None, score_test: bool, until: float | None
    ) -> Session:
        """Return a configuration ready to advance.

        Args:
            spec: The configuration.
            folder: The trial's own, ``RUN/trials/ID``; ``None`` keeps nothing.
            score_test: Whether the final report scores what the search may not see.
            until: When the trial must be over, by ``time.monotonic``; ``None`` never.

        Raises:
            InvalidConfiguration: It cannot be built.
            WorkerDoubtful: An earlier trial left a trace in this process.
        """
        ...

    def close(self) -> None:
        """Let go of everything that would outlive the process."""
        ...


def fingerprint(facts: Any) -> str:
    """Return a hash of plain data that does not depend on the order of keys.

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    text = json.dumps(facts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
