"""The table of files and captions, every mistake in it found at once."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autopeft.core.choices import did_you_mean
from autopeft.core.errors import DataError
from autopeft.data.problems import listed

SPLIT_NAMES: Final = ("train", "validation", "test")

_REQUIRED: Final = ("file", "caption")
_COLUMNS: Final = (*_REQUIRED, "split", "group")


@dataclass(frozen=True)
class Row:
    """One sound file as the table describes it; ``split`` and ``group`` are empty if not given."""

    line: int
    file: str
    caption: str
    split: str = ""
    group: str = ""


def read_captions(path: Path) -> list[Row]:
    """Return the rows of the table, checked against the folder it lies in.

    Raises:
        DataError: With one line per problem, such as ``captions.csv:12  caption is empty``.
    """
    rows, ragged = _parsed(path)
    found = sorted([*ragged, *_row_problems(rows, path.parent), *_leaks(rows)])
    if not rows and not found:
        found = [(1, "no captions: the table has a header and no rows")]
    if found:
        raise DataError(listed([f"{path}:{line}  {problem}" for line, problem in found]))
    return rows


def named_files(path: Path) -> list[Path]:
    """Return the files of a table that are there, each once, whatever else is wrong with it."""
    try:
        rows, _ = _parsed(path)
    except DataError:
        return []
    files = [path.parent / name for name in dict.fromkeys(row.file for row in rows) if name]
    return [file for file in files if file.is_file()]


def _parsed(path: Path) -> tuple[list[Row], list[tuple[int, str]]]:
    """Return the rows as they are written, and which lines have too many fields or too few.

    Raises:
        DataError: It cannot be read as a table, or its columns are wrong.
    """
    lines = _lines(path)
    _, header = next(lines, (1, []))
    columns = [name.strip() for name in header]
    if problems := _column_problems(columns):
        raise DataError(listed([f"{path}:1  {problem}" for problem in problems]))
    rows, ragged = [], []
    for line, fields in lines:
        given = dict(zip(columns, map(str.strip, fields), strict=False))
        if len(fields) > len(columns) or not {*_REQUIRED} <= {*given}:
            ragged.append((line, _ragged(len(fields), len(columns))))
        if {*_REQUIRED} <= {*given}:
            rows.append(Row(line, **given))
    return rows, ragged


def _ragged(found: int, wanted: int) -> str:
    """Return what is wrong with a row of too many fields, or of too few."""
    words = f"{found} field{'s' * (found != 1)}, the header has {wanted}"
    return f"{words}; {'quote commas' if found > wanted else 'a comma is missing'}"


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the line it begins on."""
    if not path.parent.is_dir():
        raise DataError(f"{path.parent}: no such folder (data.path)")
    if not path.is_file():
        others = sorted(other.name for other in path.parent.glob("*.csv"))
        near = did_you_mean(path.name, others) or "; it has columns file, caption"
        raise DataError(f"{path}: no such file (data.captions){near}")
    try:
        # utf-8-sig: spreadsheets put a byte-order mark before the first column's name.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader, begin = csv.reader(file), 1
            for fields in reader:
                if any(field.strip() for field in fields):
                    yield begin, fields
                begin = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from error
    except (csv.Error, OSError) as error:
        raise DataError(f"{path}: not readable as CSV: {error}") from error


def _column_problems(columns: Sequence[str]) -> list[str]:
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        return [f"columns must be separated by commas, found {columns[0]!r}"]
    problems = [
        f"unknown column {name!r}{_or_known(name, _COLUMNS)}"
        for name in columns
        if name not in _COLUMNS
    ]
    problems += [f"column {name!r} is missing" for name in _REQUIRED if name not in columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    return problems + [f"column {name!r} stands twice" for name in twice]


def _or_known(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word, list(known)) or f"; known: {', '.join(known)}"


def _row_problems(rows: Sequence[Row], folder: Path) -> Iterator[tuple[int, str]]:
    first_line: dict[str, int] = {}
    splits_given = any(row.split for row in rows)
    for row in rows:
        if not row.file:
            yield row.line, "file is empty"
        elif not (folder / row.file).is_file():
            missing = "not a file:" if (folder / row.file).exists() else "no such file"
            yield row.line, f"{missing} {row.file!r} in {folder}"
        if row.file and (first := first_line.setdefault(row.file, row.line)) != row.line:
            yield row.line, f"{row.file!r} stands already on line {first}"
        if not row.caption:
            yield row.line, "caption is empty"
        if splits_given and row.split not in SPLIT_NAMES:
            yield row.line, f"no split named {row.split!r}{_or_known(row.split, SPLIT_NAMES)}"


def _leaks(rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
    """Yield where a group that must stay together is in two splits."""
    first: dict[str, Row] = {}
    for row in rows:
        if row.group and row.split != (other := first.setdefault(row.group, row)).split:
            yield (
                row.line,
                f"group {row.group!r} is in {row.split!r} here and in {other.split!r} on line "
                f"{other.line}; a group stays in one split",
            )
