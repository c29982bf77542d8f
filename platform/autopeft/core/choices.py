"""Named tables: what a user may call by name, loaded only when used."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from autopeft.core.errors import InputError


def did_you_mean(word: str, known: list[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known word, or nothing.

    Example:
        >>> did_you_mean("lorra", ["lora", "dora"])
        "; did you mean 'lora'?"
    """
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


@cache
def _plugins(group: str) -> dict[str, str]:
    """Return the entry points of a group; looked up once, since it reads every installed package.

    Shipped names win, so that no plugin can change what a search file means.
    """
    return {entry.name: entry.value for entry in entry_points(group=group)}


def known_words(word: str, known: list[str]) -> str:
    """Return the end of a sentence about an unknown word: what was meant perhaps, what there is.

    Example:
        >>> known_words("lorra", ["lora", "dora"])
        "; did you mean 'lora'? known: lora, dora"
        >>> known_words("x", ["lora", "dora"])
        '; known: lora, dora'
        >>> known_words("x", [])
        '; there is none'
    """
    if not known:
        return "; there is none"
    return f"{did_you_mean(word, known) or ';'} known: {', '.join(known)}"


class Choices(Mapping[str, str]):
    """A table from a user's word to ``module:attribute``; plugins join through entry points.

    The entry-point group is ``autopeft.<plural>``, for instance ``autopeft.methods``.

    Example:
        >>> table = Choices("codec", "codecs", {"json": "json:dumps"})
        >>> table.load("json")([1])
        '[1]'
        >>> table.load("jsn")
        Traceback (most recent call last):
        ...
        autopeft.core.errors.InputError: no codec named 'jsn'; did you mean 'json'? known: json
    """

    def __init__(self, word: str, plural: str, table: Mapping[str, str]) -> None:
        self.word = word
        self.group = f"autopeft.{plural}"
        self._shipped = dict(table)

    def _table(self) -> dict[str, str]:
        return {**_plugins(self.group), **self._shipped}

    def __getitem__(self, name: str) -> str:
        return self._table()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    def load(self, name: str) -> Any:
        """Import and return what ``name`` stands for.

        Raises:
            InputError: The table has no such name.
        """
        table = self._table()
        if name not in table:
            raise InputError(f"no {self.word} named {name!r}{known_words(name, sorted(table))}")
        module, _, attribute = table[name].partition(":")
        return getattr(import_module(module), attribute)
