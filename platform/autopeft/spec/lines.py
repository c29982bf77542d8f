"""On which line of which file each key of a search stands."""

from collections.abc import Iterator, Mapping

import yaml

from autopeft.core.errors import Problem
from autopeft.spec.problems import Path, dotted

Lines = dict[Path, str]

NOT_WORDS = {"tag:yaml.org,2002:bool": "true or false", "tag:yaml.org,2002:null": "null"}


def note_lines(node: yaml.Node, path: Path, file: str, lines: Lines) -> None:
    """Note in ``lines`` where the keys and entries below ``node`` stand, as ``file:line``."""
    lines.setdefault(path, f"{file}:{node.start_mark.line + 1}")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            lines[below] = f"{file}:{key.start_mark.line + 1}"
            note_lines(value, below, file, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            note_lines(value, (*path, index), file, lines)


def keys_that_are_no_words(root: yaml.Node, file: str) -> Iterator[Problem]:
    """Yield the keys that YAML 1.1 reads as true, false or null, such as ``on`` and ``no``.

    Each node is seen once: aliases can repeat a few of them a billion times.
    """
    seen: set[int] = set()
    waiting: list[tuple[yaml.Node, Path]] = [(root, ())]
    while waiting:
        node, path = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(value, (*path, index)) for index, value in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            waiting += [(value, (*path, str(key.value))) for key, value in node.value]
            for key, _ in node.value:
                if key.tag in NOT_WORDS:
                    yield Problem(
                        f"{file}:{key.start_mark.line + 1}",
                        dotted((*path, str(key.value))),
                        f"YAML reads this key as {NOT_WORDS[key.tag]}; write it in quotes: "
                        f'"{key.value}"',
                    )


def place(path: Path, lines: Mapping[Path, str]) -> str:
    """Return the place of the nearest key above ``path`` that the files hold.

    Example:
        >>> place(("search", "trials"), {(): "a.yaml:1", ("search",): "a.yaml:7"})
        'a.yaml:7'
    """
    for length in range(len(path), -1, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return ""


def leftover(path: Path, lines: Mapping[Path, str]) -> str:
    """Return what to do about a key that the ``kind`` of a later file left without a meaning.

    Args:
        path: The key.
        lines: Where the keys stand, those of later files after those of earlier ones.
    """
    top = path[:-1]
    here, kind = lines.get(path, ""), lines.get((*top, "kind"), "")
    if not here or not kind or here.rpartition(":")[0] == kind.rpartition(":")[0]:
        return ""
    written = list(lines)
    if written.index(path) > written.index((*top, "kind")):
        return ""
    return (
        f"; it is left over, since {kind} changes the kind: take this line out, or write all of "
        f"it anew on the command line: '{dotted(top)}={{kind: …}}'"
    )
