"""A whole sweep, validated: the template to search, and how."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from autopeft.core.choices import known_words
from autopeft.core.errors import Problem
from autopeft.spec.cluster import AnyProfile, LocalProfile
from autopeft.spec.cluster_file import read_cluster
from autopeft.spec.distribution import SECTIONS
from autopeft.spec.first_points import wrong_points
from autopeft.spec.interpolation import literal
from autopeft.spec.lines import Lines, place
from autopeft.spec.problems import Path, complaints, dotted, unknown_key
from autopeft.spec.record import Record
from autopeft.spec.resources import Resources
from autopeft.spec.scheduler import CHANGING, PbtScheduler
from autopeft.spec.search import Search
from autopeft.spec.searcher import MOST_SEED
from autopeft.spec.space import Space, Values
from autopeft.spec.task import BUILT_METRICS, LAST_METRICS
from autopeft.spec.task_kind import TaskKind
from autopeft.spec.template import Complaint, Template, read_template
from autopeft.spec.tracking import Tracking
from autopeft.spec.trial import AnyTrial, TrialSpec

# The fields of ``search`` that hold an entry for every metric, each right or wrong by itself.
BY_METRIC = ("objectives", "constraints")


class Settings(Record):
    """The half of a search file that is not searched.

    ``cluster`` is the name of a profile, a path to one, or a mapping ``{profile: NAME, …}`` whose
    words are laid over it.
    """

    name: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = Field(0, ge=0, le=MOST_SEED)
    search: Search = Search()
    resources: Resources = Resources()
    cluster: str = "local"
    tracking: Tracking = Tracking()


class Sweep:
    """One search: ``settings`` (validated) and ``template`` (validated at all its ends).

    ``raw`` is the composed file as plain data; it is what is saved and what makes the same sweep
    again. ``lines`` tells where in the files it was written, for what is found out later.
    ``profile`` is the cluster it runs on; ``settings.cluster`` is that profile's name.
    """

    def __init__(
        self,
        raw: Mapping[str, Any],
        settings: Settings,
        template: Template,
        lines: Mapping[Path, str],
        profile: AnyProfile | None = None,
    ) -> None:
        self.raw = dict(raw)
        self.settings = settings
        self.template = template
        self.lines = lines
        self.profile = profile or LocalProfile(name="local")

    def problem(self, path: Path, message: str) -> Problem:
        """Return a problem with its place in the search file."""
        return Problem(place(path, self.lines), dotted(path), message)

    @property
    def name(self) -> str:
        """The sweep's name, part of its run folder's."""
        return self.settings.name

    @property
    def saved(self) -> dict[str, Any]:
        """What is written into a run folder: ``raw``, with a cluster's profile word for word.

        Its file may be changed, or be gone, when the sweep is resumed.
        """
        if isinstance(self.profile, LocalProfile):
            return self.raw
        profile = self.profile.model_dump(mode="json", exclude_none=True)
        return {**self.raw, "cluster": literal(profile)}

    @property
    def space(self) -> Space:
        """What is searched."""
        return self.template.space

    @property
    def any_trial(self) -> AnyTrial:
        """Some trial: what they all share stands in it, such as the task and the steps."""
        return self.trial(_first_values(self.template))

    @property
    def task(self) -> TaskKind:
        """The task, as far as all trials share it; its flags say what this sweep has."""
        return self.any_trial.task

    @property
    def steps(self) -> int:
        """How many steps a whole trial has."""
        return self.any_trial.steps

    def trial(self, values: Values, *, seed: int | None = None) -> AnyTrial:
        """Return the concrete trial at ``values``; all trials share the sweep's seed by default."""
        return self.template.trial(values, seed=self.settings.seed if seed is None else seed)

    def fine_tuning(self, values: Values, *, seed: int | None = None) -> TrialSpec:
        """Return the same of a sweep whose task ``has_adapters``: with model, method, training."""
        trial = self.trial(values, seed=seed)
        assert isinstance(trial, TrialSpec), f"a {self.task.runner} trial adapts no base"
        return trial


def read_sweep(
    raw: Mapping[str, Any], lines: Lines | None = None
) -> tuple[Sweep | None, list[Complaint]]:
    """Judge a composed file; return the sweep, or ``None`` and everything that is wrong.

    Args:
        raw: The file as plain data.
        lines: Where its keys stand; those of the cluster's profile are added.
    """
    lines = {} if lines is None else lines
    profile, wrong = read_cluster(raw.get("cluster", "local"), lines)
    template, template_wrong = read_template({name: raw.get(name) for name in SECTIONS})
    wrong += template_wrong
    name = profile.name if profile else "local"
    trial = None if template is None else template.trial(_first_values(template), seed=0)
    defaults = {} if trial is None else trial.task.search_defaults()
    own = _own_sections({**raw, "cluster": name}, defaults, wrong)
    settings, settings_wrong = _read_settings(own)
    wrong += settings_wrong
    judged = _judge_search(own.get("search"), [path for path, _ in settings_wrong], defaults)
    if judged is not None:
        wrong += _unfitting(judged, trial, template)
    if settings is None or template is None or wrong:
        return None, wrong
    return Sweep(raw, settings, template, lines, profile), wrong


def _own_sections(
    raw: Mapping[str, Any], search_defaults: Mapping[str, Any], wrong: list[Complaint]
) -> dict[str, Any]:
    """Return what is not searched, with the task's defaults; append unknown keys to ``wrong``."""
    known = sorted([*SECTIONS, *Settings.model_fields])
    own = {key: value for key, value in raw.items() if key in Settings.model_fields}
    search = own.get("search")
    if search_defaults and (search is None or isinstance(search, dict)):
        own["search"] = {**search_defaults, **(search or {})}
    wrong += [((key,), unknown_key(key, known)) for key in raw if key not in known]
    return own


def _read_settings(own: Mapping[str, Any]) -> tuple[Settings | None, list[Complaint]]:
    """Validate what is not searched; return it, or ``None`` and what is wrong."""
    try:
        return Settings.model_validate(own), []
    except ValidationError as error:
        return None, list(complaints(error, Settings))


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


def _judge_search(
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


def _unfitting(
    judged: JudgedSearch, trial: AnyTrial | None, template: Template | None
) -> Iterator[Complaint]:
    """Yield what in ``search`` does not fit the trial, the space, or the rest of it.

    Only what was written and is right by itself is judged.
    """
    search = judged.search
    if trial is not None:
        alone = itertools.chain(_unmeasured(search, trial), _never_repeated(search, trial))
        yield from (found for found in alone if found[0][1] not in judged.replaced)
    together = {
        ("scheduler", "patience", "objectives"): _never_stopped(search, trial),
        ("scheduler",): _never_explored(search, template),
        ("searcher", "objectives"): _too_many_objectives(search),
        ("first_points",): _wrong_first_points(search, template),
        ("searcher", "warm_start"): _never_narrowed(search),
    }
    for fields, found in together.items():
        if judged.wrong.isdisjoint(fields):
            yield from found


def _never_stopped(search: Search, trial: AnyTrial | None) -> Iterator[Complaint]:
    """Yield what keeps the scheduler from ever stopping a trial."""
    scheduler = search.scheduler
    if scheduler.kind == "none" and search.patience is None:
        return
    if isinstance(scheduler, PbtScheduler):
        yield from _never_copied(scheduler, trial)
    grace_steps = getattr(scheduler, "grace_steps", 0)
    if trial is not None and grace_steps > trial.steps:
        yield (
            ("search", "scheduler", "grace_steps"),
            f"{grace_steps} is above {trial.task.steps_path} {trial.steps}; no trial "
            "would ever stop early",
        )
    for metric in LAST_METRICS:
        if metric in search.objectives:
            yield (
                ("search", "objectives", metric),
                f"{metric} is scored with the last report only, so no trial can be stopped early "
                "by it; write scheduler: {kind: none}, and no patience",
            )


def _never_explored(search: Search, template: Template | None) -> Iterator[Complaint]:
    """Yield that a copy would be trained just as its source."""
    if template is None or search.scheduler.kind != "pbt":
        return
    if not any(d.name.rpartition(".")[2] in CHANGING for d in template.space.dimensions):
        yield (
            ("search", "scheduler"),
            f"pbt explores {', '.join(CHANGING)}, and none of them is searched; write e.g. "
            "learning_rate: search",
        )


def _never_copied(scheduler: PbtScheduler, trial: AnyTrial | None) -> Iterator[Complaint]:
    """Yield what keeps a population from ever comparing its members, or from copying one."""
    if trial is None:
        return
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


def _wrong_first_points(search: Search, template: Template | None) -> Iterator[Complaint]:
    """Yield what is wrong with the points to begin with."""
    if template is not None:
        for path, message in wrong_points(search.first_points, template.space):
            yield ("search", "first_points", *path), message


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
            yield path, f"no metric named {metric!r}{known_words(metric, list(reported))}"
    known = [*reported, *BUILT_METRICS]
    for metric in search.constraints:
        if metric not in known:
            path = ("search", "constraints", metric)
            yield path, f"no metric named {metric!r}{known_words(metric, known)}"


def _first_values(template: Template) -> Values:
    space = template.space
    return space.decode({dimension.name: 0.0 for dimension in space.dimensions})
