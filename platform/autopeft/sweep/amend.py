"""A new budget for an old run: what ``autopeft resume RUN search.trials=48`` may change.

Another scheduler as well: it hears all reports of the journal as if it had been there, so that its
rungs are full; what has ended stays ended, and what has not is judged by it from now on.

And another space, or searcher: a fresh one then takes every earlier trial as its history, at its
place in the new space. That place stands in the journal, beside the change, so that whoever resumes
later need not know what the file was before.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from autopeft.bridge.moving import moved
from autopeft.core.errors import InputError, Problem, RunFolderError
from autopeft.schedulers import Decision, make_scheduler
from autopeft.spec.distribution import SECTIONS
from autopeft.spec.load import COMMAND_LINE, load_sweep
from autopeft.spec.sweep import Sweep
from autopeft.spec.warm_start import Opening
from autopeft.sweep.machine import what_does_not_fit
from autopeft.sweep.placing import CannotDescribe, middles, placed
from autopeft.sweep.searching import Minutes, opening_in, refuted
from autopeft.sweep.state import SweepState, last_change
from autopeft.tracking.events import Amended, AnyEvent, Kind, Placed, Reported
from autopeft.tracking.history import History
from autopeft.tracking.journal import Journal, read_journal
from autopeft.tracking.mlflow_summary import describe, flat
from autopeft.tracking.run_folder import RunFolder

SEARCHING = ("search.searcher", "search.first_points")
# All else decides what a trial's numbers mean; in the sections, only the space may change.
CHANGEABLE = (
    *SECTIONS,
    *SEARCHING,
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
    _end_interrupted(run)
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
    before, sweep = run.sweep(), load_sweep(run.spec_file, overrides)
    begun = run.journal.exists()
    trials = run.history() if begun else History(sweep.settings.search)
    history = _history_in(before, sweep, trials, problems) if begun else {}
    if problems:
        raise InputError(problems)
    too_large = list(what_does_not_fit(sweep))
    if too_large:
        raise InputError(too_large)
    if sweep.settings.search.trials < min(trials.counted, before.settings.search.trials):
        raise InputError([_too_few(sweep, trials.counted)])
    changes = [*_changes_of_space(before, sweep), *_changes(before, sweep)]
    if not changes:
        return []
    anew = before.space != sweep.space or any(change.startswith(SEARCHING) for change in changes)
    event = Amended(
        time=now(),
        changes=tuple(changes),
        history=history if anew else None,
        opening=_opening_in(before, sweep, run) if anew and begun else None,
    )
    _write(run, sweep, event)
    rules = ("search.scheduler", "search.patience")
    judged = any(change.startswith(rules) for change in changes)
    return [
        *changes,
        *(_told(sweep, trials, history) if anew and begun else []),
        *(_consequences(run, sweep) if judged else []),
    ]


def _too_few(sweep: Sweep, counted: int) -> Problem:
    wanted = sweep.settings.search.trials
    message = f"{wanted} is below the {counted} trials that are done; at least {counted} is right"
    return Problem(COMMAND_LINE, "search.trials", message)


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


def _changes_of_space(old: Sweep, new: Sweep) -> Iterator[str]:
    """Yield every parameter that is searched otherwise than it was."""
    before, after = ({d.name: describe(d) for d in each.space.dimensions} for each in (old, new))
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            words = (each.get(name, "not searched") for each in (before, after))
            yield f"{name}: {' → '.join(words)}"


def _history_in(
    old: Sweep, new: Sweep, history: History, problems: list[Problem]
) -> dict[str, Placed]:
    """Return where the earlier search trials lie in the space of ``new``.

    To ``problems`` goes where ``new`` differs in more than its space, or cannot describe one.
    """
    found: dict[str, Problem] = {}
    names = set(new.template.branch_names)
    common = [v for v in middles(old) if v.get("method", "") in names or len(names) < 2]
    places: dict[str, Placed] = {}
    trials = {trial.id: trial.values for trial in history.of_kind(Kind.TRIAL)}
    for name, values in [*(("", values) for values in common), *trials.items()]:
        try:
            place = placed(old, new, values)
        except CannotDescribe as error:
            for path in error.paths:
                found.setdefault(path, _not_to_change(path, name))
            continue
        if name:
            places[name] = place
    problems += found.values()
    return places


def _opening_in(old: Sweep, new: Sweep, run: RunFolder) -> Opening | None:
    """Return the warm start in the space of ``new``; nothing if it has shown itself wrong."""
    events = list(read_journal(run.journal))
    change, history = last_change(events), run.history()
    opening = opening_in(events) if change is None else change.opening
    if opening is None or refuted(opening, history):
        return None
    return moved(opening, old.space, new.space)


def _not_to_change(path: str, trial: str) -> Problem:
    whose = f"{trial} was trained with what the file would no longer say" if trial else ""
    reason = whose or "it is the same for all trials"
    return Problem(
        COMMAND_LINE,
        path,
        f"cannot change in a sweep that has begun: {reason}; widen or narrow what is searched, or "
        "start a new run",
    )


def _told(sweep: Sweep, history: History, places: Mapping[str, Placed]) -> Iterator[str]:
    """Yield what a fresh searcher makes of the earlier trials."""
    search = sweep.settings.search
    outside = [name for name, placed in places.items() if placed.cube is None]
    yield (
        f"{search.searcher.kind} begins anew with {len(places) - len(outside)} earlier trials as "
        "its history, each at its place in the space as it is now"
    )
    if outside:
        yield (
            f"{', '.join(outside)} lie outside of it: they stay in the tables and may win, but "
            "the searcher does not know of them"
        )
    if history.is_over and history.counted >= search.trials:
        yield "all trials are done, so nothing is proposed; raise search.trials as well"


def _write(run: RunFolder, sweep: Sweep, event: Amended) -> None:
    """Journal the change and put the new file in the old one's place, both or neither.

    The journal's lock keeps a running driver's file as it is.

    Raises:
        RunFolderError: One of them cannot be written.
    """
    text = yaml.safe_dump(sweep.saved, sort_keys=False, allow_unicode=True)
    fresh = _fresh(run)
    journal = Journal(run.journal) if run.journal.exists() else None
    try:
        fresh.write_text(text, encoding="utf-8")
        if journal is not None:
            journal.write(event)
        fresh.replace(run.spec_file)
    except OSError as error:
        raise RunFolderError(f"{run.spec_file}: cannot be written: {error.strerror}") from error
    finally:
        if journal is not None:
            journal.close()


def _fresh(run: RunFolder) -> Path:
    """Return where the new file stands until the change is journalled."""
    return run.spec_file.with_name(f".{run.spec_file.name}.new")


def _end_interrupted(run: RunFolder) -> None:
    """Finish a change whose command was killed once it was journalled; forget it else."""
    fresh = _fresh(run)
    if not fresh.exists():
        return
    events = list(read_journal(run.journal)) if run.journal.exists() else []
    if events and isinstance(events[-1], Amended):
        fresh.replace(run.spec_file)
    else:
        fresh.unlink()


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
    state = SweepState(search, searcher=Minutes(), scheduler=scheduler)
    for event in events:
        state.apply(event)
    return state
