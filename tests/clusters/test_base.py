"""Tasks and array expressions, by properties."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopeft.clusters import DIALECTS
from autopeft.clusters.base import indices, key
from autopeft.clusters.dispatch import split_tasks
from autopeft.clusters.script import render
from autopeft.core.errors import InputError


@given(count=st.integers(1, 3000), per_job=st.integers(1, 500))
def test_every_task_is_in_one_chunk(count, per_job):
    chunks = split_tasks(count, per_job)
    covered = [task for chunk in chunks for task in range(chunk.start, chunk.start + chunk.size)]
    assert covered == list(range(1, count + 1))
    assert all(chunk.size == per_job for chunk in chunks[:-1])


@given(first=st.integers(1, 10**6), count=st.integers(1, 200), step=st.integers(1, 50))
def test_an_array_expression_is_its_indices(first, count, step):
    expected = list(range(first, first + count * step, step))
    assert list(indices(f"{first}-{expected[-1]}:{step}%7")) == expected
    assert list(indices(",".join(map(str, expected)))) == expected


@given(text=st.text(max_size=30))
def test_no_answer_stops_a_parser(text):
    for kind in ("slurm", "pbs"):
        dialect = DIALECTS.load(kind)()
        assert all(name == key(name.split("_")[0]) or "_" in name for name in dialect.seen(text))
    assert DIALECTS.load("sge")().ended(text) is not None


WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(words=st.lists(WORDS, min_size=1, max_size=5))
def test_a_command_stands_in_the_script_word_for_word(job_anywhere, words):
    job = job_anywhere(Path("/work/here"), command=("run", *words))
    script = render(job, DIALECTS.load("slurm")())
    command = script[script.index("\nrun ") :].partition("</dev/null &\n")[0]
    assert shlex.split(command) == ["run", *words]


def test_a_scheduler_nobody_knows_is_said():
    with pytest.raises(InputError, match="no scheduler named 'slurmm'; did you mean 'slurm'"):
        DIALECTS.load("slurmm")
