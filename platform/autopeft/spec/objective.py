"""Tasks that are no fine-tuning: a program, or a function, that scores its parameters."""

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from autopeft.core.choices import known_words
from autopeft.spec.problems import shown
from autopeft.spec.record import about
from autopeft.spec.task_kind import TaskKind

# What is filled into a command besides its parameters. aiaccel's names are taken as well, so that
# its command lines need no change.
ALIASES = {"out_filename": "out", "job_name": "trial"}
PLACEHOLDERS = ("out", "trial", "trial_dir", "run_dir", "seed", "steps")
PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")
ENTRY_POINT = re.compile(r"[A-Za-z_][\w.-]*(:[A-Za-z_][\w.]*)?")
# What a bare number, the first of a list and a measured time are called as metrics.
VALUE = "value"
RUN_SECONDS = "run_seconds"


def _check_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    for name, value in parameters.items():
        if not PARAMETER.fullmatch(name):
            raise about(name, "a parameter's name is a word, such as length_scale")
        if value == "search":
            raise about(
                name, "a parameter has no default range; write {low: …, high: …} or {one_of: […]}"
            )
        if name == "any_of":
            raise about(name, "any_of stands only in method; write {one_of: […]}")
        if not isinstance(value, bool | int | float | str):
            raise about(
                name, f"found {shown(value)}; write one value, {{low: …, high: …}} or one_of"
            )
    return parameters


Parameters: TypeAlias = Annotated[
    dict[str, Any], Field(min_length=1), AfterValidator(_check_parameters)
]


class ObjectiveTask(TaskKind):
    """What a program and a function share: ``parameters`` (values or distributions) and ``steps``.

    ``steps`` is the last step of a trial that reports on its way, 1 for one that only has a result.
    """

    has_adapters: ClassVar[bool] = False
    has_baselines: ClassVar[bool] = False
    has_test: ClassVar[bool] = False
    has_checkpoints: ClassVar[bool] = False
    steps_path: ClassVar[str] = "task.steps"

    parameters: Parameters
    steps: int = Field(1, ge=1)

    def search_defaults(self) -> dict[str, Any]:
        """Return: minimise the result, no baselines; stop early and train again where that can be.

        Trials of one step cannot be stopped early, trials without a seed only repeat themselves.
        """
        defaults: dict[str, Any] = {"objectives": {VALUE: "min"}, "baselines": False}
        if self.steps == 1:
            defaults["scheduler"] = {"kind": "none"}
        if not self.is_seeded:
            defaults["retrain"] = 0
        return defaults


class CommandTask(ObjectiveTask):
    """A program that is started for every trial, without a shell, and says how good it was.

    ``command`` is a list of words. In them ``{NAME}`` stands for a parameter, ``{out}`` for the
    file where the result goes (JSON: a number, a list, or an object of metrics), ``{trial}`` for
    the trial's id, ``{trial_dir}`` and ``{run_dir}`` for folders, ``{seed}`` and ``{steps}`` for
    numbers; a brace itself is written twice. It runs in ``folder``, the search file's unless given.
    """

    runner: ClassVar[str] = "command"

    kind: Literal["command"] = "command"
    command: tuple[str, ...] = Field(min_length=1)
    folder: str = "."

    @model_validator(mode="after")
    def _filled(self) -> Self:
        names = tuple(placeholders(self.command))
        known = [*self.parameters, *PLACEHOLDERS]
        for name in self.parameters:
            if name in (*PLACEHOLDERS, *ALIASES):
                raise about(
                    "parameters", f"{{{name}}} stands for something else in a command; rename it"
                )
            if name not in names:
                raise about("parameters", f"{name} is not in the command; write {{{name}}} there")
        for name in names:
            if name not in (*known, *ALIASES):
                raise about("command", f"{{{name}}} stands for nothing{known_words(name, known)}")
        return self

    @property
    def is_seeded(self) -> bool:
        """Whether the program is told a seed."""
        return "seed" in set(placeholders(self.command))


class FunctionTask(ObjectiveTask):
    """A Python function that is called with its parameters and returns how good they are.

    ``entry_point`` is a name from the entry-point group ``autopeft.objectives`` of an installed
    package, or ``module:function``, which runs only with ``--allow-code``. The function gets every
    parameter by keyword, and ``seed`` as well if ``seeded``. It returns a number, a list or a
    mapping of metrics; a generator yields mappings with a ``step`` on its way.
    """

    runner: ClassVar[str] = "function"

    kind: Literal["function"] = "function"
    entry_point: str = Field(min_length=1)
    seeded: bool = False

    @model_validator(mode="after")
    def _callable(self) -> Self:
        if not ENTRY_POINT.fullmatch(self.entry_point):
            raise about(
                "entry_point",
                f"found {shown(self.entry_point)}; a name of the group autopeft.objectives or "
                "my_package.my_module:my_function would be right",
            )
        for name in self.parameters:
            if not name.isidentifier() or keyword.iskeyword(name):
                raise about("parameters", f"{name!r} cannot be the name of a function's argument")
            if name == "seed":
                raise about("parameters", "write seeded: true, and no parameter seed")
        return self

    @property
    def is_seeded(self) -> bool:
        """Whether the function is told a seed."""
        return self.seeded


def placeholders(words: Sequence[str]) -> Iterator[str]:
    """Yield what is to be filled into the words of a command.

    Raises:
        PydanticCustomError: A brace stands alone, or more than a name stands between two.

    Example:
        >>> list(placeholders(["./simulate", "--x={x}", "{out}", "{{"]))
        ['x', 'out']
    """
    for word in words:
        try:
            fields = list(Formatter().parse(word))
        except ValueError as error:
            raise about(
                "command",
                f"{word!r} cannot be filled in ({error}); write a brace that means itself twice",
            ) from None
        for _, name, spec, conversion in fields:
            if name is None:
                continue
            if spec or conversion or not PARAMETER.fullmatch(name):
                raise about(
                    "command",
                    f"{word!r} has more than a name in braces; write {{x}}, or a brace that means "
                    "itself twice",
                )
            yield name


def filled(words: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Return the words of a command with the values in their places.

    Example:
        >>> filled(["./simulate", "--x={x}", "{out_filename}"], {"x": 0.5, "out": "r.json"})
        ['./simulate', '--x=0.5', 'r.json']
    """
    every = {**values, **{alias: values.get(name, "") for alias, name in ALIASES.items()}}
    return [word.format_map(every) for word in words]
