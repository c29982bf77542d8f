"""The reference pages are what the code says, and say everything."""

import re
from pathlib import Path

import pytest

from autopeft.cli.reference import main, pages
from autopeft.spec.method import METHOD_RECORDS
from autopeft.spec.search import Search

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


@pytest.mark.parametrize("name", ["cli.md", "search-file.md", "choices.md", "clusters.md"])
def test_a_committed_page_is_what_the_code_says(made: dict[str, str], name: str) -> None:
    assert (COMMITTED / name).read_text(encoding="utf-8") == made[name], "run `make docs`"


def test_every_verb_opens_with_its_example(made: dict[str, str]) -> None:
    blocks = re.findall(r"## (autopeft[^\n]*)\n\n```text\n  ([^\n]*)", made["cli.md"])
    assert len(blocks) > 12
    assert all(example.startswith("autopeft ") for _, example in blocks), blocks
    assert "autopeft drive" not in dict(blocks), "only job scripts call it"


def test_every_method_and_every_key_is_there(made: dict[str, str]) -> None:
    page = made["search-file.md"]
    for kind, record in METHOD_RECORDS.items():
        section = page.partition(f"## method: {kind}\n")[2].partition("\n## ")[0]
        assert all(f"| `{key}` |" in section for key in record.model_fields if key != "kind")
        assert f"| `{kind}` |" in made["choices.md"]
    assert all(f"| `{key}` |" in page for key in Search.model_fields)


def test_a_check_finds_a_missing_and_a_changed_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--check"]) == 1
    assert "cli.md: missing; run `make docs`" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    page = tmp_path / "choices.md"
    page.write_text(page.read_text().replace("`audio.ffn`", "`audio.feet`"))
    capsys.readouterr()
    assert main([str(tmp_path), "--check"]) == 1
    hint = capsys.readouterr().err
    assert "choices.md: not what the code says" in hint
    assert "-- `audio.feet`" in hint
    assert "+- `audio.ffn`" in hint
