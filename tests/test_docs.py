"""The documentation holds together: links lead somewhere, examples are valid."""

import re
import shlex
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

from autopeft.spec.load import load_sweep
from autopeft.trial.command import CommandRunner
from autopeft.trial.run import run_trial

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "mlflow").glob("*.md")]
)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
HIDDEN = {"drive"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith(("http://", "https://", "mailto:"))]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_dependency_has_its_reason() -> None:
    page = (ROOT / "docs/reference/dependencies.md").read_text(encoding="utf-8")
    named = {word.lower() for word in re.findall(r"[\w.-]+", page)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [re.match(r"[\w.-]+", line) for line in chain(project["dependencies"], *extras)]
    assert [word[0] for word in wanted if word and word[0].lower() not in named] == []


@every_page
def test_every_verb_that_is_shown_exists(page: Path) -> None:
    verbs = {path.stem for path in (ROOT / "platform/autopeft/cli").glob("*.py")} - HIDDEN
    shown = re.findall(r"^autopeft ([a-z]+)", "\n".join(blocks(page, "bash")), re.MULTILINE)
    assert set(shown) <= verbs
    for line in "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines():
        if line.startswith("autopeft"):
            assert shlex.split(line, comments=True)[0] == "autopeft"


@every_page
def test_python_that_is_shown_compiles(page: Path) -> None:
    for block in blocks(page, "python"):
        if not block.startswith("        "):  # a line for the middle of a table
            code = compile(block, str(page), "exec")
            assert code.co_filename == str(page)


@every_page
def test_yaml_that_is_shown_is_valid(page: Path) -> None:
    for block in blocks(page, "yaml"):
        tree = yaml.safe_load(block)
        if not isinstance(tree, dict):
            continue
        whole = {
            "name": "shown",
            "task": {"kind": "contrastive", "data": {"kind": "procedural"}},
            "method": {"kind": "lora"},
        }
        shown = {**whole, **tree}
        if shown["task"]["kind"] in ("command", "function"):
            del shown["method"]
        assert load_sweep(shown).name == shown["name"]


def test_modules_that_are_shown_to_run_exist() -> None:
    for page in PAGES:
        for module in re.findall(r"python -m (autopeft[\w.]+)", page.read_text(encoding="utf-8")):
            place = ROOT / "platform" / module.replace(".", "/")
            runs = place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()
            assert runs, module


def test_files_that_the_tour_names_exist() -> None:
    tour = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    before, _, _ = tour.partition("## How it differs")
    package = ROOT / "platform" / "autopeft"
    for name in re.findall(r"`([\w/]+\.(?:py|yaml))`", before):
        assert any((place / name).exists() for place in (ROOT, package)), name


def test_the_objective_that_is_moved_from_aiaccel_runs_as_it_is(tmp_path: Path) -> None:
    page = ROOT / "docs" / "how-to" / "move-from-aiaccel.md"
    (tmp_path / "objective.py").write_text(blocks(page, "python")[0])
    (tmp_path / "search.yaml").write_text(blocks(page, "yaml")[0])
    before = next(block for block in blocks(page, "text") if "n_max_jobs" in block)
    sweep = load_sweep(tmp_path / "search.yaml")
    assert re.findall("^command: .*", before, re.MULTILINE) == re.findall(
        "^command: .*", (tmp_path / "search.yaml").read_text().replace("\n  ", "\n"), re.MULTILINE
    )
    runner = CommandRunner(tmp_path)
    try:
        trial = sweep.trial({"x1": 0.5, "x2": 9})
        last = run_trial(trial, runner=runner, folder=tmp_path / "run" / "trials" / "t0000")
    finally:
        runner.close()
    assert last.metrics["value"] == (0.5 - 0.3) ** 2 + 4
