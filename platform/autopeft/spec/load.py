"""From a file (or a dict) to a sweep: composed by OmegaConf, judged by pydantic.

OmegaConf does ``_base_`` (another file, relative to this one, that this one overrides), ``${…}``
and overrides from the command line. YAML is data only: no tags that build objects, no code.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autopeft.core.errors import InputError, Problem
from autopeft.spec.problems import Path as TreePath
from autopeft.spec.problems import dotted
from autopeft.spec.sweep import Sweep, read_sweep

Lines = dict[TreePath, str]
COMMAND_LINE = "command line"


def load_sweep(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Sweep:
    """Read a search file, or the same as a dict, and return the sweep it describes.

    Relative paths inside it resolve against the file (against the current folder for a dict).

    Args:
        source: A YAML file, or its content as plain data.
        overrides: ``path=value`` pairs, the last word.

    Raises:
        InputError: Holds every problem of the file at once.
    """
    lines: Lines = {}
    if isinstance(source, Mapping):
        config, folder = OmegaConf.create(dict(source)), Path.cwd()
        assert isinstance(config, DictConfig)
    else:
        config, folder = _compose(Path(source), lines, ()), Path(source).resolve().parent
    _override(config, overrides, lines)
    raw = _resolved(config, lines)
    _make_paths_absolute(raw, folder)
    sweep, wrong = read_sweep(raw)
    if sweep is None or wrong:
        problems = [Problem(_where(path, lines), dotted(path), text) for path, text in wrong]
        raise InputError(sorted(problems, key=_reading_order))
    return sweep


def _compose(path: Path, lines: Lines, above: tuple[Path, ...]) -> DictConfig:
    """Load ``path`` on top of its ``_base_`` files; note on which line each key stands."""
    if path.resolve() in above:
        raise InputError(f"{path}: _base_ leads back to itself: {' -> '.join(map(str, above))}")
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        config = OmegaConf.load(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = _quoting_hint(text, line)
        problem = Problem(f"{path}:{line}", "", f"not YAML: {error.problem}{hint}")
        raise InputError([problem]) from error
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise InputError([Problem(f"{path}", "", f"not YAML: {error}")]) from error
    except RecursionError:
        raise InputError(f"{path}: nested too deeply to be a search file") from None
    if not isinstance(config, DictConfig) or not isinstance(root, yaml.MappingNode):
        raise InputError(
            f"{path}:1  found no mapping; a search file begins with e.g. name: my-sweep"
        )
    own: Lines = {}
    _note_lines(root, (), str(path), own)
    bases = config.pop("_base_", None)
    merged: DictConfig = OmegaConf.create({})
    where = own.get(("_base_",), str(path))
    for base in _base_names(bases, where):
        try:
            below = _compose(path.parent / base, lines, (*above, path.resolve()))
        except InputError as error:
            # A problem without a place is about the file as a whole: say who asked for it.
            raise InputError(
                [p if p.where else Problem(where, "_base_", p.message) for p in error.problems]
            ) from error
        merged = OmegaConf.merge(merged, below)  # type: ignore[assignment]
    lines.update(own)
    return OmegaConf.merge(merged, config)  # type: ignore[return-value]


def _base_names(bases: Any, where: str) -> list[str]:
    names = [bases] if isinstance(bases, str) else bases or []
    if isinstance(names, Mapping) or not hasattr(names, "__iter__"):
        raise InputError(
            [Problem(where, "_base_", f"found {bases!r}; a file name, or a list of them, is right")]
        )
    return [str(name) for name in names]


def _quoting_hint(text: str, line: int) -> str:
    """Return what to do about the commonest mistake: a bare ``${…}`` inside braces."""
    lines = text.splitlines()
    bare = line <= len(lines) and "${" in lines[line - 1] and "{" in lines[line - 1].split("${")[0]
    return '; inside braces write "${…}" in quotes' if bare else ""


def _note_lines(node: yaml.Node, path: TreePath, file: str, lines: Lines) -> None:
    lines.setdefault(path, f"{file}:{node.start_mark.line + 1}")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            lines[below] = f"{file}:{key.start_mark.line + 1}"
            _note_lines(value, below, file, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*path, index), file, lines)


def _override(config: DictConfig, overrides: Sequence[str], lines: Lines) -> None:
    problems = []
    for override in overrides:
        key, equals, _ = override.partition("=")
        if not equals or not key:
            problems.append(
                Problem(COMMAND_LINE, override, "not an override; write e.g. search.trials=48")
            )
            continue
        steps = _first_new(_steps(key), config)
        try:
            value = OmegaConf.from_dotlist([f"value={override.partition('=')[2]}"])["value"]
            OmegaConf.update(config, key, value, merge=False)
        except (OmegaConfBaseException, yaml.YAMLError, IndexError, ValueError) as error:
            problems.append(Problem(COMMAND_LINE, key, f"cannot be set: {error}"))
            continue
        for path in [path for path in lines if path[: len(steps)] == steps]:
            del lines[path]
        lines[steps] = COMMAND_LINE
    if problems:
        raise InputError(problems)


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


def _resolved(config: DictConfig, lines: Lines) -> dict[str, Any]:
    try:
        raw = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = str(getattr(error, "full_key", "") or "")
        where = _where(_steps(key), lines)
        message = str(error).partition("\n")[0]
        raise InputError([Problem(where, key, message)]) from error
    assert isinstance(raw, dict)
    return {str(key): value for key, value in raw.items()}


def _steps(key: str) -> TreePath:
    """Return the path that a dotted key such as ``method.any_of[0].rank`` stands for."""
    steps = key.replace("[", ".").replace("]", "").split(".")
    return tuple(int(step) if step.isdigit() else step for step in steps)


def _reading_order(problem: Problem) -> tuple[str, int, str]:
    file, _, line = problem.where.rpartition(":")
    return (file, int(line), problem.path) if line.isdigit() else (problem.where, 0, problem.path)


def _where(path: TreePath, lines: Lines) -> str:
    """Return the place of the nearest key above ``path`` that the files hold."""
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return ""


def _make_paths_absolute(raw: dict[str, Any], folder: Path) -> None:
    """Resolve ``task.data.path``, and ``model.base`` where it names a folder, against the file."""
    task = raw.get("task")
    data = task.get("data") if isinstance(task, dict) else None
    if isinstance(data, dict) and isinstance(data.get("path"), str):
        data["path"] = str(folder / Path(data["path"]).expanduser())
    model = raw.get("model")
    if isinstance(model, dict) and isinstance(model.get("base"), str):
        base = Path(model["base"]).expanduser()
        if model["base"].startswith((".", "/", "~")) or (folder / base / "config.json").is_file():
            model["base"] = str(folder / base)
