"""A search file and the files below it (``_base_``), laid one over the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autopeft.core.errors import InputError, Problem
from autopeft.spec.distribution import is_distribution
from autopeft.spec.lines import Lines, keys_that_are_no_words, note_lines

MISSING = "???"


def compose(path: Path, lines: Lines, above: tuple[Path, ...] = ()) -> dict[Any, Any]:
    """Return ``path`` laid over its ``_base_`` files; note in ``lines`` where each key stands.

    Raises:
        InputError: A file is missing, is no YAML, or leads back to itself.
    """
    root, config = _read(path, above)
    own: Lines = {}
    note_lines(root, (), str(path), own)
    bases = config.pop("_base_", None)
    merged: dict[Any, Any] = {}
    where = own.get(("_base_",), str(path))
    for base in _base_names(bases, where):
        try:
            below = compose(path.parent / base, lines, (*above, path.resolve()))
        except InputError as error:
            # A problem without a place is about the file as a whole: say who asked for it.
            raise InputError(
                [p if p.where else Problem(where, "_base_", p.message) for p in error.problems]
            ) from error
        merged = laid_over(merged, below)
    for key in own:
        lines.pop(key, None)  # so that they are in the order in which they were written
    lines.update(own)
    return laid_over(merged, config)  # type: ignore[no-any-return]


def _read(path: Path, above: tuple[Path, ...]) -> tuple[yaml.MappingNode, dict[Any, Any]]:
    """Return a file twice: as YAML nodes, which know their lines, and as plain data."""
    try:
        if path.resolve() in above:
            raise InputError(f"{path}: _base_ leads back to itself: {' -> '.join(map(str, above))}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, RuntimeError) as error:  # no text; NUL in a name; links in a ring
        raise InputError(f"{str(path)!r}: cannot be read: {error}") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None and (problems := list(keys_that_are_no_words(root, str(path)))):
            raise InputError(problems)
        config = OmegaConf.load(path)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = _quoting_hint(text, line)
        problem = Problem(f"{path}:{line}", "", f"not YAML: {error.problem}{hint}")
        raise InputError([problem]) from error
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        sentence = str(error).partition("\n")[0]
        raise InputError([Problem(f"{path}", "", f"not YAML: {sentence}")]) from error
    except RecursionError:
        raise InputError(f"{path}: nested too deeply to be a search file") from None
    if not isinstance(config, DictConfig) or not isinstance(root, yaml.MappingNode):
        raise InputError(
            f"{path}:1  found no mapping; a search file begins with e.g. name: my-sweep"
        )
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    return root, plain


def _base_names(bases: Any, where: str) -> list[str]:
    names = [bases] if isinstance(bases, str) else bases or []
    if isinstance(names, Mapping) or not hasattr(names, "__iter__"):
        raise InputError(
            [Problem(where, "_base_", f"found {bases!r}; a file name, or a list of them, is right")]
        )
    return [str(name) for name in names]


def laid_over(below: Any, above: Any) -> Any:
    """Return ``above`` over ``below``: mappings key by key, whatever else is replaced.

    A distribution of another sort is replaced too: a choice and a range cannot be mixed.
    """
    if above == MISSING:
        return below
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    both = is_distribution(below) and is_distribution(above)
    if both and ("one_of" in below) != ("one_of" in above):
        return above
    return {
        **below,
        **{k: laid_over(below[k], value) if k in below else value for k, value in above.items()},
    }


def _quoting_hint(text: str, line: int) -> str:
    """Return what to do about the commonest mistake: a bare ``${…}`` inside braces."""
    lines = text.splitlines()
    bare = line <= len(lines) and "${" in lines[line - 1] and "{" in lines[line - 1].split("${")[0]
    return '; inside braces write "${…}" in quotes' if bare else ""
