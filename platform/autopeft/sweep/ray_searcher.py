"""Our conductor spoken in Ray Tune's words: where its next trial comes from.

A ``SearchGenerator`` because only that makes Tune trials with ids of our own. One Tune trial is
one *attempt* at a trial of ours (``t0007.1``): Tune never retries, the conductor does, so that the
policy stands in one place and a resumed trial keeps its identity.
"""

import time
from collections.abc import Callable
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.experiment.config_parser import _create_trial_from_spec
from ray.tune.search import Searcher as TuneSearcher
from ray.tune.search import SearchGenerator

from autopeft.core.errors import ClusterError
from autopeft.searchers import Done, Wait
from autopeft.spec.resources import Resources
from autopeft.spec.trial import AnyTrial
from autopeft.sweep.assignment import Assignment
from autopeft.sweep.conductor import Conductor
from autopeft.sweep.deadline import overdue_after, take_trace
from autopeft.sweep.warm_up import WarmUp, is_warm_up
from autopeft.tracking.run_folder import RunFolder

MOST_LOST_WARM_UPS = 3
LOST = "worker lost: its process or host died, or was replaced"
HUNG = "timeout: search.trial_timeout was long over and no report came; its worker was ended"


def trial_of(attempt: str) -> str:
    """Return our trial's id from Tune's.

    Example:
        >>> trial_of("t0007.2")
        't0007'
    """
    return attempt.partition(".")[0]


class _NoSearcher(TuneSearcher):
    """Satisfies the constructor of ``SearchGenerator``; the conductor is asked instead."""


class ConductorGenerator(SearchGenerator):
    """Hands Tune the conductor's assignments, at most ``slots`` at a time; they may come and go."""

    def __init__(
        self,
        conductor: Conductor,
        run: RunFolder,
        *,
        resources: Resources,
        slots: Callable[[], int],
        is_cancelled: Callable[[], bool] = lambda: False,
        is_leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(_NoSearcher())
        self._finished: bool = False
        self.warm_up = WarmUp(slots(), busy=self._busy)
        self._conductor, self._run, self._resources = conductor, run, resources
        self._slots, self._is_cancelled, self._is_leaving = slots, is_cancelled, is_leaving
        self._in_flight: dict[str, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its parts for a restore of its own, which we never use."""
        return {}

    def next_trial(self) -> Trial | None:
        """Return the next attempt as a Tune trial, or ``None`` if there is none now."""
        if self._finished:
            return None
        if self._is_cancelled() or self._is_leaving():
            self._finished = True
            return None
        slots = self._slots()
        self.warm_up.follow(slots)
        warm = self.warm_up.next()
        if warm is not None:
            return self._tune_trial(warm, self._conductor.sweep.any_trial)
        if len(self._in_flight) >= slots or not self.warm_up.is_over:
            return None
        match self._conductor.next():
            case Done():
                self._finished = True
                return None
            case Wait():
                return None
            case Assignment(trial, _, spec, attempt) as assignment:
                return self._tune_trial(
                    f"{trial}.{attempt}", spec, score_test=assignment.score_test
                )

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Free the slot; an attempt that died without a word is the conductor's to judge."""
        began = self._in_flight.pop(trial_id, time.monotonic())
        if self._is_cancelled():  # what dies now is no trial's fault; a resume takes it up
            return
        if is_warm_up(trial_id):
            self.warm_up.on_end(trial_id, lost=error)
            if error and self.warm_up.losses >= MOST_LOST_WARM_UPS:
                self._conductor.fail(ClusterError("workers die as soon as they start; see ray/"))
        elif error:
            trial = trial_of(trial_id)
            reason, log = LOST, ""
            if self._is_overdue(began):
                reason, log = HUNG, take_trace(self._run.trial(trial))
            self._conductor.on_failure(trial, reason=reason, log=log)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: the scheduler's adapter has taken the report already."""

    def is_finished(self) -> bool:
        """Whether no trial will come any more."""
        return self._finished

    def save_to_dir(self, dirpath: str, session_str: str = "") -> None:
        """Nothing: the journal holds everything."""

    def _busy(self) -> int:
        """Return how many trials of ours run."""
        return sum(not is_warm_up(attempt) for attempt in self._in_flight)

    def _is_overdue(self, began: float) -> bool:
        """Whether an attempt is older than its worker lets it become: then that has ended it."""
        overdue = overdue_after(self._conductor.search.trial_timeout)
        return overdue is not None and time.monotonic() - began > overdue

    def _tune_trial(self, attempt: str, spec: AnyTrial, *, score_test: bool = False) -> Trial:
        self._in_flight[attempt] = time.monotonic()
        config = {
            "attempt": attempt,
            "spec": spec.model_dump_json(),
            "folder": str(self._run.trial(trial_of(attempt))),
            "cache": str(self._run.cache),
            "cpus": self._resources.cpus,
            "gpus": self._resources.gpus,
            "score_test": score_test,
            "timeout": self._conductor.search.trial_timeout,
        }
        trial: Trial = _create_trial_from_spec(
            {**self._experiment.spec, "config": config},
            self._parser,
            evaluated_params={},
            experiment_tag=attempt,
            trial_id=attempt,
        )
        return trial
