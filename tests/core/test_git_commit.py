"""The commit that a search file is of, against a real git."""

import subprocess

import pytest

from autopeft.core.git_commit import commit_of
from autopeft.spec.load import load_sweep
from autopeft.tracking.run_folder import create_run

SEARCH = "name: small\ntask: {data: {kind: procedural}}\nmethod: {kind: lora}\n"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git repository with a search file, and its commit; no settings but its own."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "checkout"
    folder.mkdir()

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(folder), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (folder / "search.yaml").write_text(SEARCH)
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("tag", "v1")
    return folder, git("rev-parse", "HEAD")


def test_a_run_knows_the_commit_of_its_search_file(checkout, tmp_path, monkeypatch):
    folder, commit = checkout
    monkeypatch.setenv("PWD", str(tmp_path))

    def committed():
        return create_run(load_sweep(folder / "search.yaml"), tmp_path / "runs").commit

    assert committed() == commit
    (folder / "note.txt").write_text("git does not know this one")
    assert committed() == commit
    (folder / "search.yaml").write_text(f"{SEARCH}seed: 3\n")
    assert committed() == f"{commit}-dirty"


def test_outside_of_a_checkout_it_is_that_of_where_it_was_typed(checkout, tmp_path, monkeypatch):
    folder, commit = checkout
    outside = tmp_path / "search.yaml"
    outside.write_text(SEARCH)
    monkeypatch.setenv("PWD", str(folder))
    assert create_run(load_sweep(outside), tmp_path / "runs").commit == commit
    monkeypatch.setenv("PWD", str(tmp_path))
    assert create_run(load_sweep(outside), tmp_path / "runs").commit is None
    assert commit_of([tmp_path / "nowhere", folder]) == commit
