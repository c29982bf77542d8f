"""A whole sweep, validated: the template to search, and how."""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from autopeft.core.errors import Problem
from autopeft.spec.cluster import AnyProfile, LocalProfile
from autopeft.spec.cluster_file import read_cluster
from autopeft.spec.distribution import SECTIONS
from autopeft.spec.fitting import JudgedSearch, judge_search, unfitting
from autopeft.spec.interpolation import literal
from autopeft.spec.lines import Lines, place
from autopeft.spec.mending import Mended, mend, untouched
from autopeft.spec.problems import Complaint, Path, complaints, dotted, unknown_key
from autopeft.spec.reading import read_template
from autopeft.spec.record import Record
from autopeft.spec.resources import Resources
from autopeft.spec.search import Search
from autopeft.spec.searcher import MOST_SEED
from autopeft.spec.space import Space, Values
from autopeft.spec.task_kind import TaskKind
from autopeft.spec.template import Template
from autopeft.spec.tracking import Tracking
from autopeft.spec.trial import AnyTrial, TrialSpec


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
    def folder(self) -> pathlib.Path | None:
        """Where the search file lies; ``None`` of a sweep that was no file."""
        file, _, line = place((), self.lines).rpartition(":")
        return pathlib.Path(file).parent if line.isdigit() else None

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


class Rest(NamedTuple):
    """What is right in a wrong file: a sweep that can be looked at, never run.

    Attributes:
        sweep: The file with defaults in the place of what is wrong.
        doubtful: Where they are.
    """

    sweep: Sweep
    doubtful: frozenset[Path]

    def is_sure(self, *needs: Path) -> bool:
        """Whether nothing that leads to, or lies in, one of ``needs`` was wrong."""
        return untouched(self.doubtful, *needs)

    def doubting(self, paths: Iterable[Path]) -> "Rest":
        """Return the same where ``paths`` are doubtful too."""
        return Rest(self.sweep, self.doubtful.union(paths))


class Reading(NamedTuple):
    """What a composed file says.

    Attributes:
        sweep: The sweep, if nothing is wrong.
        wrong: Every mistake.
        rest: If something is, what is right; ``None`` if nothing of the template is.
    """

    sweep: Sweep | None
    wrong: tuple[Complaint, ...] = ()
    rest: Rest | None = None


def read_sweep(raw: Mapping[str, Any], lines: Lines | None = None) -> Reading:
    """Judge a composed file.

    Args:
        raw: The file as plain data.
        lines: Where its keys stand; those of the cluster's profile are added.
    """
    lines = {} if lines is None else lines
    profile, wrong = read_cluster(raw.get("cluster", "local"), lines)
    mended, template_wrong = _read_sections({name: raw.get(name) for name in SECTIONS})
    wrong += template_wrong
    trial = mended and mended.template.trial(_first_values(mended.template), seed=0)
    defaults = trial.task.search_defaults() if trial else {}
    name = profile.name if profile else "local"
    own = _own_sections({**raw, "cluster": name}, defaults, wrong)
    settings, settings_wrong = _read_settings(own)
    wrong += settings_wrong
    judged = judge_search(own.get("search"), [path for path, _ in settings_wrong], defaults)
    if judged is not None:
        wrong += unfitting(judged, trial, mended)
    if mended is None:
        return Reading(None, tuple(wrong))
    if settings is None or wrong:
        doubtful = mended.doubtful | {path for path, _ in wrong if path[0] not in SECTIONS}
        rest = settings or _right_settings(own, settings_wrong, judged)
        return Reading(
            None,
            tuple(wrong),
            Rest(Sweep(raw, rest, mended.template, lines, profile), frozenset(doubtful)),
        )
    return Reading(Sweep(raw, settings, mended.template, lines, profile))


def _read_sections(sections: Mapping[str, Any]) -> tuple[Mended | None, list[Complaint]]:
    """Read what is searched, or what is left of it without its mistakes; return these too."""
    template, wrong = read_template(sections)
    if template is not None:
        return Mended(template, frozenset(), ()), wrong
    mended = mend(sections, wrong)
    return mended, [*wrong, *(mended.found if mended else ())]


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


def _right_settings(
    own: Mapping[str, Any], wrong: Sequence[Complaint], judged: JudgedSearch | None
) -> Settings:
    """Return the settings with defaults in the place of every section with a mistake."""
    spoiled = {str(path[0]) for path, _ in wrong} | {"search"}
    right = {key: value for key, value in own.items() if key not in spoiled}
    search = judged.search if judged else Search()
    return Settings.model_validate({"name": "unnamed", **right, "search": search})


def _first_values(template: Template) -> Values:
    space = template.space
    return space.decode({dimension.name: 0.0 for dimension in space.dimensions})
