"""From a file (or a dict) to a sweep: composed, resolved by OmegaConf, judged by pydantic.

OmegaConf does ``${…}`` and overrides from the command line; ``compose`` does ``_base_`` (another
file, relative to this one, that this one overrides). YAML is data only: no tags that build
objects, no code.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autopeft.core.errors import InputError, Problem
from autopeft.spec.compose import compose
from autopeft.spec.interpolation import unresolved
from autopeft.spec.lines import Lines, leftover, place
from autopeft.spec.mending import touch
from autopeft.spec.problems import UNKNOWN_KEY, dotted
from autopeft.spec.problems import Path as TreePath
from autopeft.spec.sweep import Rest, Sweep, read_sweep

COMMAND_LINE = "command line"


class WrongSweep(InputError):
    """A search file with mistakes; ``rest`` is what is right in it, to be looked at for more."""

    def __init__(self, problems: Sequence[Problem], rest: Rest | None) -> None:
        self.rest = rest
        super().__init__(sorted(problems, key=reading_order))


def load_sweep(
    source: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    folder: Path | None = None,
) -> Sweep:
    """Read a search file, or the same as a dict, and return the sweep it describes.

    Relative paths inside it resolve against the file, of a dict against ``folder``.

    Args:
        source: A YAML file, or its content as plain data.
        overrides: ``path=value`` pairs, the last word.
        folder: Where a dict's paths count from; by default the current folder.

    Raises:
        WrongSweep: Holds every problem of the file at once.
    """
    lines: Lines = {}
    if isinstance(source, Mapping):
        config, folder = OmegaConf.create(dict(source)), folder or Path.cwd()
    else:
        config = OmegaConf.create(compose(Path(source), lines))
        folder = Path(source).resolve().parent
    problems: list[Problem] = []
    unknown: list[TreePath] = []
    _override(config, overrides, lines, problems, unknown)
    raw = _resolved(config, lines, problems, unknown)
    _make_paths_absolute(raw, folder)
    sweep, wrong, rest = read_sweep(raw, lines)
    for path, text in wrong:
        if not any(touch(path, other) for other in unknown):
            text += leftover(path, lines) if text.startswith(UNKNOWN_KEY) else ""
            problems.append(Problem(place(path, lines), dotted(path), text))
    if sweep is not None and not problems:
        return sweep
    if sweep is not None:  # right but for what stands for nothing
        rest = Rest(sweep, frozenset())
    raise WrongSweep(problems, rest and rest.doubting(unknown))


def _override(
    config: DictConfig,
    overrides: Sequence[str],
    lines: Lines,
    problems: list[Problem],
    unknown: list[TreePath],
) -> None:
    """Lay the overrides over the file; of every one that cannot be, a problem and its path."""
    for override in overrides:
        key, equals, _ = override.partition("=")
        if not equals or not key:
            problems.append(
                Problem(COMMAND_LINE, override, "not an override; write e.g. search.trials=48")
            )
            continue
        key = _by_index(key, config)
        steps = _first_new(_steps(key), config)
        try:
            value = OmegaConf.from_dotlist([f"value={override.partition('=')[2]}"])["value"]
            OmegaConf.update(config, key, value, merge=False)
        except (
            OmegaConfBaseException,
            yaml.YAMLError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            sentence = str(error).partition("\n")[0]
            if isinstance(error, IndexError):
                sentence = "the list has no entry of that number; they count from 0"
            problems.append(Problem(COMMAND_LINE, key, f"cannot be set: {sentence}"))
            unknown.append(steps)
            continue
        for path in [path for path in lines if path[: len(steps)] == steps]:
            del lines[path]
        lines[steps] = COMMAND_LINE


def _by_index(key: str, config: DictConfig) -> str:
    """Return an override's key with the place of its branch in any_of, if it names the branch.

    A place right behind the last one is made, so that a branch can be added.
    """
    method = OmegaConf.select(config, "method")
    branches = method.get("any_of") if isinstance(method, DictConfig) else None
    steps = _steps(key)
    if not isinstance(branches, ListConfig) or steps[:1] != ("method",) or len(steps) < 2:
        return key
    if steps[1:3] == ("any_of", len(branches)):
        branches.append({})
    names = [
        branch.get("name") or branch.get("kind") if isinstance(branch, DictConfig) else None
        for branch in branches
    ]
    if steps[1] not in names:
        return key
    rest = key.partition(f"method.{steps[1]}")[2]
    return f"method.any_of[{names.index(steps[1])}]{rest}"


def _first_new(path: TreePath, config: DictConfig) -> TreePath:
    """Return the beginning of ``path`` below which an override makes everything anew."""
    node: Any = OmegaConf.to_container(config, resolve=False)
    for length, step in enumerate(path, start=1):
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return path[:length]
        if not isinstance(node, dict | list):
            return path[:length]
    return path


def _resolved(
    config: DictConfig, lines: Lines, problems: list[Problem], unknown: list[TreePath]
) -> dict[str, Any]:
    """Return the plain data; of every ``${…}`` that stands for nothing, a problem and its path.

    OmegaConf stops at the first, so that one is taken out and the rest resolved again.
    """
    while True:
        try:
            raw = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            key = str(getattr(error, "full_key", "") or "")
            path = _steps(key)
            known = [dotted(other) for other in lines if other not in ((), path)]
            problems.append(Problem(place(path, lines), key, unresolved(error, known)))
            if path in unknown or not key:
                raise InputError(problems) from error
            unknown.append(path)
            OmegaConf.update(config, key, None, merge=False)
            continue
        assert isinstance(raw, dict)
        return {str(key): value for key, value in raw.items()}


def _steps(key: str) -> TreePath:
    """Return the path that a dotted key such as ``method.any_of[0].rank`` stands for."""
    steps = key.replace("[", ".").replace("]", "").split(".")
    return tuple(int(step) if step.isdigit() else step for step in steps)


def reading_order(problem: Problem) -> tuple[str, int, str]:
    """Return what to sort problems by: file, line, path."""
    file, _, line = problem.where.rpartition(":")
    return (file, int(line), problem.path) if line.isdigit() else (problem.where, 0, problem.path)


def _make_paths_absolute(raw: dict[str, Any], folder: Path) -> None:
    """Resolve the paths of a search file against it: data, base, command, profile, past runs."""
    _replace(raw, "cluster", lambda name: _profile(name, folder))
    if isinstance(raw.get("cluster"), dict):
        _replace(raw["cluster"], "profile", lambda name: _profile(name, folder))
    search = raw.get("search")
    _make_sources_absolute(search.get("warm_start") if isinstance(search, dict) else None, folder)
    task = raw.get("task")
    data = task.get("data") if isinstance(task, dict) else None
    if isinstance(task, dict) and task.get("kind") == "command":
        task.setdefault("folder", ".")
        _replace(task, "folder", lambda path: str((folder / _at_home(path)).resolve()))
    if isinstance(data, dict):
        _replace(data, "path", lambda path: str(folder / _at_home(path)))
    model = raw.get("model")
    if not isinstance(model, dict):
        return
    _replace(model, "base", lambda base: _base(base, folder))
    if isinstance(model.get("base"), dict) and isinstance(model["base"].get("one_of"), list):
        bases = model["base"]["one_of"]
        bases[:] = [_base(base, folder) if isinstance(base, str) else base for base in bases]


def _make_sources_absolute(start: Any, folder: Path) -> None:
    """Resolve what a warm start learns from: run folders, patterns of them, a bridge's model."""
    if not isinstance(start, dict):
        return
    for key in ("model", "proxy"):
        _replace(start, key, lambda path: str(folder / _at_home(path)))
    if isinstance(start.get("runs"), list):
        start["runs"] = [
            str(folder / _at_home(run)) if isinstance(run, str) else run for run in start["runs"]
        ]


def _profile(name: str, folder: Path) -> str:
    """Return a cluster profile by its full path if it is written as a file."""
    path = folder / _at_home(name)
    return str(path) if name.endswith((".yaml", ".yml")) or "/" in name else name


def _replace(tree: dict[str, Any], key: str, change: Callable[[str], str]) -> None:
    if isinstance(tree.get(key), str):
        tree[key] = change(tree[key])


def _base(name: str, folder: Path) -> str:
    """Return a base by its full path if it is written as a folder, or is one beside the file."""
    path = folder / _at_home(name)
    try:
        is_folder = name.startswith((".", "/", "~")) or (name != "" and path.is_dir())
    except OSError:  # a name too long for a file
        is_folder = False
    return str(path) if is_folder else name


def _at_home(name: str) -> Path:
    """Return the path, ``~`` replaced; that of a user who is not known here stays."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)
