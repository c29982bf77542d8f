"""Optuna's trials in memory, some of which have paused.

What is told to a study is final, and of what runs no sampler learns: a paused trial is in between.
"""

from collections.abc import Container
from copy import copy

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState


class StorageWithPauses(InMemoryStorage):  # type: ignore[misc]  # Optuna loads it lazily
    """Shows what a paused trial has come to, where that is asked for; to the study it runs."""

    def __init__(self) -> None:
        super().__init__()
        self._paused: dict[int, FrozenTrial] = {}

    def pause(self, number: int, as_shown: FrozenTrial) -> None:
        """Show trial ``number`` with the state, values and constraints of another."""
        self._paused[number] = as_shown

    def end_pause(self, number: int) -> None:
        """Show a trial, paused or not, as it is."""
        self._paused.pop(number, None)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return all trials, or those in ``states``, paused ones as they are shown."""
        if not self._paused or states == (TrialState.WAITING,):
            found: list[FrozenTrial] = super().get_all_trials(study_id, deepcopy, states)
            return found
        trials: list[FrozenTrial] = super().get_all_trials(study_id, deepcopy)
        for number, shown in self._paused.items():
            trials[number] = _in_the_light_of(trials[number], shown)
        return [trial for trial in trials if states is None or trial.state in states]


def _in_the_light_of(trial: FrozenTrial, shown: FrozenTrial) -> FrozenTrial:
    trial = copy(trial)
    trial.state, trial.values = shown.state, shown.values
    trial.datetime_complete = shown.datetime_complete
    trial.intermediate_values = dict(shown.intermediate_values)
    trial.system_attrs = {**trial.system_attrs, **shown.system_attrs}
    return trial
