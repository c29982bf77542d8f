"""Whether what ``search`` asks for fits the task, the space, and the rest of it."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from autopeft.core.choices import did_you_mean
from autopeft.spec.distribution import SECTIONS
from autopeft.spec.first_points import wrong_points
from autopeft.spec.mending import Mended
from autopeft.spec.problems import Complaint, Path
from autopeft.spec.scheduler import CHANGING, PbtScheduler
from autopeft.spec.search import Search
from autopeft.spec.task import BUILT_METRICS, LAST_METRICS
from autopeft.spec.trial import AnyTrial

# The fields of ``search`` that hold an entry for every metric, each right or wrong by itself.
BY_METRIC = ("objectives", "constraints")
# What metrics of the machine begin with.
SYSTEM = "system/"
# Where the number of steps stands; nothing is said of a trial's end where that is doubtful.
STEPS: tuple[Path, ...] = (("training", "steps"), ("task", "steps"))


class JudgedSearch(NamedTuple):
    """As much of ``search`` as is right by itself, so that the rest does not hide its mistakes.

    Attributes:
        search: What is right; defaults in the place of what is not.
        wrong: The fields with anything wrong in them.
        replaced: Those of which nothing is left.
    """

    search: Search
    wrong: frozenset[str]
    replaced: frozenset[str]


def judge_search(
    written: Any, wrong: Sequence[Path], defaults: Mapping[str, Any]
) -> JudgedSearch | None:
    """Validate ``search`` without what was found ``wrong``; ``None`` where that leaves nothing.

    A metric's objective or bound that is wrong takes no other with it.
    """
    if written is not None and not isinstance(written, dict):
        return None
    right = dict(written or {})
    below = [path[1:] for path in wrong if path[0] == "search" and len(path) > 1]
    for field, *entry in below:
        table = right.get(str(field))
        if field in BY_METRIC and entry and isinstance(table, dict):
            right[str(field)] = {key: table[key] for key in table if key != entry[0]}
        else:
            right.pop(str(field), None)
    fields = frozenset(str(path[0]) for path in below)
    replaced = frozenset(field for field in fields if not right.get(field))
    kept = {key: value for key, value in right.items() if key not in replaced}
    try:
        return JudgedSearch(Search.model_validate({**defaults, **kept}), fields, replaced)
    except ValidationError:
        return None


def unfitting(
    judged: JudgedSearch, trial: AnyTrial | None, mended: Mended | None
) -> Iterator[Complaint]:
    """Yield what in ``search`` does not fit the trial, the space, or the rest of it.

    Only what was written and is right by itself is judged, and only by what is sure.

    Args:
        judged: What was written.
        trial: Some trial of what is searched.
        mended: What is searched; ``None``, as ``trial``, if nothing is left of it.
    """
    search = judged.search
    if trial is not None and mended is not None:
        alone = itertools.chain(
            _unmeasured(search, trial) if mended.is_sure(("task", "kind")) else (),
            _never_repeated(search, trial) if mended.is_sure(("task",)) else (),
        )
        yield from (found for found in alone if found[0][1] not in judged.replaced)
    together = {
        ("scheduler", "patience", "objectives"): _scored_last(search),
        ("scheduler", "patience"): _never_stopped(search, trial, mended),
        ("scheduler",): _never_explored(search, mended),
        ("searcher", "objectives"): _too_many_objectives(search),
        ("searcher",): _no_margin_between_branches(search, mended),
        ("first_points",): _wrong_first_points(search, mended),
        ("searcher", "warm_start"): _never_narrowed(search),
    }
    for fields, found in together.items():
        if judged.wrong.isdisjoint(fields):
            yield from found


def _scored_last(search: Search) -> Iterator[Complaint]:
    """Yield the objectives that nothing can be stopped early by."""
    if search.scheduler.kind == "none" and search.patience is None:
        return
    for metric in LAST_METRICS:
        if metric in search.objectives:
            yield (
                ("search", "objectives", metric),
                f"{metric} is scored with the last report only, so no trial can be stopped early "
                "by it; write scheduler: {kind: none}, and no patience",
            )


def _never_stopped(
    search: Search, trial: AnyTrial | None, mended: Mended | None
) -> Iterator[Complaint]:
    """Yield what keeps the scheduler from ever stopping a trial."""
    scheduler = search.scheduler
    if trial is None or mended is None or not mended.is_sure(("task", "kind"), *STEPS):
        return
    if isinstance(scheduler, PbtScheduler):
        yield from _never_copied(scheduler, trial)
    grace_steps = getattr(scheduler, "grace_steps", 0)
    if grace_steps > trial.steps:
        yield (
            ("search", "scheduler", "grace_steps"),
            f"{grace_steps} is above {trial.task.steps_path} {trial.steps}; no trial "
            f"would ever stop early; write e.g. grace_steps: {max(1, trial.steps // 4)}, or "
            "scheduler: {kind: none}",
        )


def _never_explored(search: Search, mended: Mended | None) -> Iterator[Complaint]:
    """Yield that a copy would be trained just as its source."""
    if mended is None or search.scheduler.kind != "pbt":
        return
    searched = mended.template.space.dimensions
    is_sure = mended.is_sure(("method",), ("training",))
    if is_sure and not any(d.name.rpartition(".")[2] in CHANGING for d in searched):
        yield (
            ("search", "scheduler"),
            f"pbt explores {', '.join(CHANGING)}, and none of them is searched; write e.g. "
            "learning_rate: search",
        )


def _never_copied(scheduler: PbtScheduler, trial: AnyTrial) -> Iterator[Complaint]:
    """Yield what keeps a population from ever comparing its members, or from copying one."""
    if not trial.task.has_checkpoints:
        yield (
            ("search", "scheduler"),
            f"pbt copies checkpoints, and a {trial.task.kind} trial has none; write "
            "scheduler: {kind: asha}",
        )
    elif scheduler.interval_steps >= trial.steps:
        yield (
            ("search", "scheduler", "interval_steps"),
            f"{scheduler.interval_steps} is not below {trial.task.steps_path} {trial.steps}; no "
            "trial would ever be copied",
        )


def _too_many_objectives(search: Search) -> Iterator[Complaint]:
    """Yield that the searcher follows one objective, where there are more."""
    if len(search.objectives) > 1 and search.searcher.one_objective_only:
        yield (
            ("search", "searcher"),
            f"{search.searcher.kind} searches one objective, found {len(search.objectives)}; "
            "write searcher: {kind: tpe}, or nsga2, or auto",
        )


def _no_margin_between_branches(search: Search, mended: Mended | None) -> Iterator[Complaint]:
    """Yield that ``margin`` is asked for in a space whose parameters are not the same everywhere.

    Optuna 5.0 then tells its optimizer points of different lengths.
    """
    if mended is None or not getattr(search.searcher, "margin", False):
        return
    if any(dimension.when is not None for dimension in mended.template.space.dimensions):
        yield (
            ("search", "searcher", "margin"),
            "some parameters exist in one branch of the space only, and margin needs the same ones "
            "everywhere; take it out, or search the branches one by one",
        )


def _wrong_first_points(search: Search, mended: Mended | None) -> Iterator[Complaint]:
    """Yield what is wrong with the points to begin with.

    A name that is unknown in a section with mistakes may be that of one of them.
    """
    if mended is None:
        return
    names = {dimension.name for dimension in mended.template.space.dimensions}
    for (index, name), message in wrong_points(search.first_points, mended.template.space):
        section = str(name).partition(".")[0]
        holders = [(section,)] if section in SECTIONS else [(holder,) for holder in SECTIONS]
        if name in names or mended.is_sure(*holders):
            yield ("search", "first_points", index, name), message


def _never_narrowed(search: Search) -> Iterator[Complaint]:
    """Yield that a narrowed space is asked for where the searcher has no use for it."""
    start = search.warm_start
    if start is not None and start.narrows and not search.searcher.can_narrow:
        yield (
            ("search", "warm_start"),
            f"{start.kind} narrows the space, and {search.searcher.kind} searches all of it; "
            "write searcher: {kind: auto}, or another warm start",
        )


def _never_repeated(search: Search, trial: AnyTrial) -> Iterator[Complaint]:
    """Yield what is asked for beside the search, or after it, and makes no sense for this task."""
    kind = trial.task.kind
    if search.baselines and not trial.task.has_baselines:
        yield ("search", "baselines"), f"a {kind} task has no baselines; take it out"
    if search.retrain and not trial.task.is_seeded:
        yield (
            ("search", "retrain"),
            f"the {kind} is not told a seed, so the best would only be repeated; let it take one "
            "({seed} in a command, seeded: true of a function), or write retrain: 0",
        )


def _unmeasured(search: Search, trial: AnyTrial) -> Iterator[Complaint]:
    """Yield the objectives and constraints that no report will hold."""
    reported = trial.task.reported()
    if reported is None:
        for section in ("objectives", "constraints"):
            for metric in getattr(search, section):
                if metric in BUILT_METRICS:
                    yield ("search", section, metric), f"a {trial.task.kind} task has no {metric}"
        return
    for metric in search.objectives:
        path = ("search", "objectives", metric)
        if metric in BUILT_METRICS:
            bound = f"search.constraints: {{{metric}: {{at_most: …}}}}"
            yield path, f"{metric} is known before training; bound it: {bound}"
        elif metric not in reported:
            yield path, _no_metric(metric, reported)
    known = [*reported, *BUILT_METRICS]
    for metric in search.constraints:
        if metric not in known:
            yield ("search", "constraints", metric), _no_metric(metric, known)


def _no_metric(word: str, known: Sequence[str]) -> str:
    """Return what to say of an unknown metric; how the machine fares is named in one word."""
    own = [metric for metric in known if not metric.startswith(SYSTEM)]
    near = did_you_mean(word, list(known)) or ";"
    more = f", and {SYSTEM}…" if len(own) < len(known) else ""
    return f"no metric named {word!r}{near} known: {', '.join(own)}{more}"
