"""Our conductor spoken in Ray Tune's words: what happens with a trial that reports.

Tune asks the scheduler first, then the searcher, then callbacks; so this is where a report is
journalled, before anybody else learns of it.
"""

import json
from collections.abc import Callable
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from autopeft.core.errors import AutopeftError, RunFolderError
from autopeft.schedulers import Decision
from autopeft.sweep.conductor import Conductor
from autopeft.sweep.idle_workers import IdleWorkers
from autopeft.sweep.ray_searcher import trial_of
from autopeft.sweep.warm_up import WarmUp, is_warm_up

# A pause ends the attempt: its checkpoint is on the disk, and a promotion is another attempt of the
# same trial. Tune holds no paused trials, for which ``fit()`` would wait for ever (decision 7).
WORDS = {
    Decision.CONTINUE: TrialScheduler.CONTINUE,
    Decision.PAUSE: TrialScheduler.STOP,
    Decision.STOP: TrialScheduler.STOP,
}


class ConductorScheduler(FIFOScheduler):
    """Passes every result to the conductor and its decision back."""

    def __init__(
        self,
        conductor: Conductor,
        *,
        warm_up: WarmUp,
        slots: Callable[[], int],
        is_leaving: Callable[[str], bool] = lambda address: False,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._conductor, self._warm_up, self._slots = conductor, warm_up, slots
        self._is_leaving, self._is_over = is_leaving, is_over
        self._kept = 0
        self._idle: IdleWorkers | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its parts for a restore of its own, which we never use."""
        return {}

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Accept: the conductor knows the objectives."""
        return True

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Make Tune keep as many idle actors, and wait for as many, as there are slots.

        Tune keeps one idle actor and ends the others; after a moment in which the searcher waited
        (the end of the search, a barrier) all slots but one would start cold, at 5-15 s each.
        """
        controller = _controller(tune_controller)
        if self._idle is None:
            self._idle = IdleWorkers(controller._actor_cache, self._is_leaving)
            controller._actor_cache = self._idle
        slots = self._slots()
        for _ in range(slots - self._kept):
            controller._actor_cache.increase_max(trial.placement_group_factory)
        if slots > self._kept:
            controller.update_max_pending_trials(slots)
            self._kept = slots

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Journal what the worker said; return what Tune is to do."""
        actor, address = _actor(tune_controller, trial), str(result.get("node_ip", ""))
        if self._idle is not None and actor is not None:
            self._idle.lives(actor, address)
        if self._conductor.is_broken:  # the trial stays unfinished, for a resume
            _let_go(tune_controller, trial)
            return str(TrialScheduler.STOP)
        trial_id = trial_of(trial.trial_id)
        content = json.loads(result["autopeft"])
        phase = content.pop("phase")
        if is_warm_up(trial.trial_id):
            return self._on_warm_up(trial.trial_id, phase, content)
        if phase in ("built", "report"):
            word = self._word(phase, trial_id, content, address=address)
            if word != TrialScheduler.CONTINUE:
                _let_go(tune_controller, trial)
            return word
        _let_go(tune_controller, trial)
        if phase == "broken":
            self._conductor.fail(RunFolderError(content["reason"]))
        elif phase == "refused":
            self._conductor.on_refused(trial_id, **content)
        else:
            self._conductor.on_failure(trial_id, **content)
        return str(TrialScheduler.STOP)

    def _word(self, phase: str, trial: str, content: dict[str, Any], *, address: str) -> str:
        """Journal what a trial came to, or reported; return whether it goes on."""
        if phase == "built":
            return self._unless_over(self._conductor.on_built(trial, **content))
        decision = self._conductor.on_report(trial, **content)
        if decision is Decision.CONTINUE and self._is_leaving(address) and not self._is_over():
            self._conductor.put_back(trial)
            return str(TrialScheduler.STOP)
        return self._unless_over(decision)

    def _unless_over(self, decision: Decision) -> str:
        """Return Tune's word; when the walltime ends, a trial stops and stays unfinished."""
        return str(TrialScheduler.STOP if self._is_over() else WORDS[decision])

    def _on_warm_up(self, attempt: str, phase: str, content: dict[str, Any]) -> str:
        """End a warm-up when all are warm; what keeps one from it keeps the sweep from all."""
        if phase != "warm":
            self._conductor.fail(AutopeftError(content["reason"]))
            return str(TrialScheduler.STOP)
        over = self._warm_up.on_report(attempt) or self._is_over()
        return str(TrialScheduler.STOP if over else TrialScheduler.CONTINUE)


def _controller(tune_controller: Any) -> Any:
    """Return Tune's controller itself: schedulers are handed a wrapper, on which nothing stays."""
    return getattr(tune_controller, "_tune_controller", tune_controller)


def _let_go(tune_controller: Any, trial: Trial) -> None:
    """Tell the worker that its trial is over.

    Tune keeps the actor for another trial and says nothing to it until then; a program would run on
    for as long as the slot stays empty.
    """
    actor = _actor(tune_controller, trial)
    if actor is not None:
        _controller(tune_controller)._actor_manager.schedule_actor_task(actor, "let_go")


def _actor(tune_controller: Any, trial: Trial) -> Any:
    return _controller(tune_controller)._trial_to_actor.get(trial)
