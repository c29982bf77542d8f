"""A new budget for an old run: what ``autopeft resume RUN search.trials=48`` may change.

Another scheduler as well: it hears all reports of the journal as if it had been there, so that its
rungs are full; what has ended stays ended, and what has not is judged by it from now on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml

from autopeft.core.errors import InputError, Problem, RunFolderError
from autopeft.core.places import write_text
from autopeft.schedulers import Decision, make_scheduler
from autopeft.searchers import Done, Outcome
from autopeft.spec.load import COMMAND_LINE, load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.sweep.machine import what_does_not_fit
from autopeft.sweep.state import SweepState
from autopeft.tracking.events import Amended, AnyEvent, Reported
from autopeft.tracking.journal import Journal, read_journal
from autopeft.tracking.mlflow_summary import flat
from autopeft.tracking.run_folder import RunFolder

# All else decides what the searcher proposed, or what a trial's numbers mean.
CHANGEABLE = (
    "search.trials",
    "search.retrain",
    "search.hours",
    "search.trial_timeout",
    "search.max_failures",
    "search.scheduler",
    "search.patience",
    "resources",
    "tracking",
    "cluster",
)


def amend(
    run: RunFolder, overrides: Sequence[str], *, now: Callable[[], float] = time.time
) -> list[str]:
    """Write the run's search file anew with these overrides; without any, leave it.

    Returns:
        What was changed and what follows from it, a sentence each; the changes are journalled.

    Raises:
        InputError: An override is wrong, or would make earlier trials mean something else.
        RunFolderError: The file cannot be written, or a driver is at this sweep.
    """
    if not overrides:
        return []
    problems = [
        Problem(
            COMMAND_LINE,
            path,
            f"cannot change in a sweep that has begun; only {', '.join(CHANGEABLE)} can: "
            "start a new run",
        )
        for path in (override.partition("=")[0] for override in overrides)
        if not _may_change(path)
    ]
    if problems:
        raise InputError(problems)
    sweep = load_sweep(run.spec_file, overrides)
    too_large = list(what_does_not_fit(sweep))
    if too_large:
        raise InputError(too_large)
    changes = list(_changes(run.sweep(), sweep))
    if not changes:
        return []
    if run.journal.exists():
        _note(run, Amended(time=now(), changes=tuple(changes)))
    raw: dict[str, Any] = sweep.saved
    try:
        write_text(run.spec_file, yaml.safe_dump(raw, sort_keys=False, allow_unicode=True))
    except OSError as error:
        raise RunFolderError(f"{run.spec_file}: cannot be written: {error.strerror}") from error
    rules = ("search.scheduler", "search.patience")
    judged = any(change.startswith(rules) for change in changes)
    return [*changes, *(_consequences(run, sweep) if judged else [])]


def _may_change(path: str) -> bool:
    return any(path == allowed or path.startswith(f"{allowed}.") for allowed in CHANGEABLE)


def _changes(old: Sweep, new: Sweep) -> Iterator[str]:
    """Yield every setting that is not what it was."""
    before, after = (dict(flat(_words(each))) for each in (old, new))
    for path in dict.fromkeys([*before, *after]):
        if before.get(path) != after.get(path):
            yield f"{path}: {before.get(path, 'nothing')} → {after.get(path, 'nothing')}"


def _words(sweep: Sweep) -> dict[str, Any]:
    """Return the settings, the words of the cluster's profile instead of its name."""
    return {
        **sweep.settings.model_dump(mode="json"),
        "cluster": sweep.profile.model_dump(mode="json", exclude={"jobs"}),
    }


def _note(run: RunFolder, event: Amended) -> None:
    """Journal the changes; the journal's lock keeps a running driver's file as it is."""
    journal = Journal(run.journal)
    try:
        journal.write(event)
    finally:
        journal.close()


class _Deaf:
    """In the searcher's place: what it would propose does not matter here."""

    def ask(self) -> Done:
        """Return that there is nothing."""
        return Done("not asked")

    def tell(self, number: int, outcome: Outcome) -> None:
        """Forget it."""

    def state(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Take nothing."""


def _consequences(run: RunFolder, sweep: Sweep) -> Iterator[str]:
    """Yield what new rules make of the journal, and of the trials that are not over."""
    if not run.journal.exists():
        return
    search, events = sweep.settings.search, list(read_journal(run.journal))
    state = replayed(sweep, events)
    reports = sum(isinstance(event, Reported) for event in events)
    yield (
        f"{search.scheduler.kind} takes the {reports} reports of the journal as its history; what "
        "has ended stays ended"
    )
    unfinished = sorted(t.id for t in [*state.history.running, *state.history.paused])
    stopped = [
        trial
        for trial in unfinished
        if trial in state.out_of_patience or state.decisions.get(trial) is Decision.STOP
    ]
    paused = [trial for trial in unfinished if state.decisions.get(trial) is Decision.PAUSE]
    going = [trial for trial in unfinished if trial not in [*stopped, *paused]]
    for words, trials in (("go on", going), ("pause", paused), ("will be stopped", stopped)):
        if trials:
            yield f"{', '.join(trials)} {words}"
    if state.history.is_over and state.history.counted >= search.trials:
        yield "all trials are done, so nothing is judged anew; raise search.trials as well"


def replayed(sweep: Sweep, events: Sequence[AnyEvent]) -> SweepState:
    """Return what the sweep's rules make of ``events``; the searcher is left out."""
    search, settings = sweep.settings.search, sweep.settings
    scheduler = make_scheduler(search.scheduler, steps=sweep.steps, seed=settings.seed)
    state = SweepState(search, searcher=_Deaf(), scheduler=scheduler)
    for event in events:
        state.apply(event)
    return state
