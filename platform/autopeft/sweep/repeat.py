"""One trial of a sweep again, in this process: do the same numbers come?"""

import importlib.metadata
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autopeft.core.choices import known_words
from autopeft.core.errors import AutopeftError, InputError
from autopeft.spec.objective import RUN_SECONDS
from autopeft.spec.task import LOOP_METRICS
from autopeft.tracking.configuration import OUT_OF_MEMORY, spec_of
from autopeft.tracking.events import Kind
from autopeft.tracking.history import History
from autopeft.tracking.run_folder import RunFolder
from autopeft.tracking.trial_history import TrialHistory
from autopeft.trial import Report, open_runner
from autopeft.trial.failures import ObjectiveFailed
from autopeft.trial.run import run_trial

# Times and memory are never the same.
MEASURED_ANEW = frozenset({*LOOP_METRICS, RUN_SECONDS}) - {"train_loss"}


@dataclass(frozen=True, slots=True)
class Repetition:
    """A trial's last report, then and now.

    Attributes:
        trial: Which one.
        step: After how many steps.
        then: The metrics in the journal, without times and memory.
        now: The same of the repetition; a metric may lack.
        versions: Libraries whose version differs, as ``(then, now)``.
    """

    trial: str
    step: int
    then: dict[str, float]
    now: dict[str, float]
    versions: dict[str, tuple[str, str]]

    @property
    def differing(self) -> list[str]:
        """The metrics that are not the same to the last bit; two that are no number agree."""
        return [name for name in self.then if not self.agrees_in(name)]

    @property
    def agrees(self) -> bool:
        """Whether every metric is the same."""
        return not self.differing

    def agrees_in(self, metric: str) -> bool:
        """Whether a metric is the same to the last bit."""
        then, now = self.then[metric], self.now.get(metric)
        return now is not None and (then == now or (math.isnan(then) and math.isnan(now)))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "trial": self.trial,
            "step": self.step,
            "agrees": self.agrees,
            "metrics": {
                name: {"then": then, "now": self.now.get(name), "agrees": self.agrees_in(name)}
                for name, then in self.then.items()
            },
            "versions": {name: list(pair) for name, pair in self.versions.items()},
        }


def repeat(
    run: RunFolder, trial: str, *, progress: Callable[[Report], None] = lambda report: None
) -> Repetition:
    """Run a trial from its beginning to where its last report was; write nothing into the run.

    Args:
        run: The run it belongs to.
        trial: Its id, such as ``t0007``.
        progress: Called with every report.

    Raises:
        InputError: There is no such trial, or it cannot be repeated; the text says why.
    """
    sweep, history = run.sweep(), run.history()
    known = _repeatable(history, trial)
    resources = sweep.settings.resources

    def goes_on(report: Report) -> bool:
        progress(report)
        return report.step < known.step

    spec = spec_of(sweep, known)
    runner = open_runner(spec, cache=run.cache, cpus=resources.cpus, gpus=resources.gpus)
    try:
        with TemporaryDirectory(prefix="autopeft-") as folder:
            last = run_trial(
                spec,
                runner=runner,
                report=goes_on,
                folder=Path(folder) / "trials" / trial,
                score_test=known.kind is not Kind.TRIAL,
            )
    except ObjectiveFailed as error:
        raise AutopeftError(f"{trial}: {error}") from error
    finally:
        runner.close()
    return Repetition(
        trial, known.step, _comparable(known.metrics), _comparable(last.metrics), _versions(history)
    )


def _repeatable(history: History, trial: str) -> TrialHistory:
    if trial not in history.trials:
        raise InputError(f"no trial named {trial!r}{known_words(trial, list(history.trials))}")
    known = history.trials[trial]
    if not known.reports:
        why = known.reason or known.status.value
        raise InputError(f"{trial} has reported nothing that could be compared ({why})")
    if known.exploits:
        first = known.exploits[0]
        raise InputError(
            f"{trial} went on as a copy of {first.source} at step {first.step}: it cannot be "
            "repeated by itself; repeat a trial that copied nobody"
        )
    if any(reason.startswith(OUT_OF_MEMORY) for reason in known.retries):
        raise InputError(
            f"{trial} ran out of memory and went on with smaller batches: where it did is not "
            "known, so its numbers cannot be repeated"
        )
    return known


def _comparable(metrics: Any) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name not in MEASURED_ANEW}


def _versions(history: History) -> dict[str, tuple[str, str]]:
    """Return the libraries that were other versions when the sweep began."""
    then = history.started.versions if history.started else {}
    now = {
        name: importlib.metadata.version(name)
        for name in then
        if name != "python" and _is_installed(name)
    }
    return {name: (then[name], now[name]) for name in now if then[name] != now[name]}


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
