"""A program that is not there, a package that is not installed: found before anything starts."""

import stat
from pathlib import Path
from typing import Any

import pytest

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep
from autopeft.sweep.preflight import preflight

PARAMETERS = {"x": {"low": 0, "high": 1}}


def look(place: Path, /, **task: Any) -> list[str]:
    tree = {"name": "a", "task": {"parameters": PARAMETERS, **task}}
    if tree["task"]["kind"] == "command":
        tree["task"].setdefault("folder", str(place))  # type: ignore[attr-defined]
    try:
        return [str(remark) for remark in preflight(load_sweep(tree))]
    except InputError as error:
        return [f"{problem.path}: {problem.message}" for problem in error.problems]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["./simulate", "{x}"], []),
        (["sh", "-c", "{x}"], []),
        (["./simulat", "{x}"], ["task.command: there is no program", "did you mean 'simulate'?"]),
        (["./notes", "{x}"], ["is not executable; `chmod +x` it"]),
        (["simulate", "{x}"], ["no program 'simulate' on the PATH; write ./simulate for that in"]),
        (["no-such-program", "{x}"], ["no program 'no-such-program' on the PATH"]),
    ],
)
def test_a_program_is_looked_for(tmp_path: Path, command: list[str], found: list[str]) -> None:
    for name in ("simulate", "notes"):
        (tmp_path / name).write_text("#!/bin/sh\n")
    (tmp_path / "simulate").chmod(stat.S_IRWXU)
    said = look(tmp_path, kind="command", command=command)
    assert len(said) == bool(found)
    assert all(words in said[0] for words in found)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    said = look(tmp_path, kind="command", command=["sh", "{x}"], folder=nowhere)
    assert said == [f"task.folder: there is no folder {nowhere}"]


@pytest.mark.parametrize(
    ("entry_point", "found"),
    [
        ("branin", ""),
        ("json:dumps", ""),
        ("brannin", "task.entry_point: no objective named 'brannin'; did you mean 'branin'?"),
        ("no_such_package.module:score", "no package 'no_such_package' is installed here"),
    ],
)
def test_a_function_is_looked_for(tmp_path: Path, entry_point: str, found: str) -> None:
    said = look(tmp_path, kind="function", entry_point=entry_point)
    assert len(said) == bool(found)
    assert found in "".join(said)
