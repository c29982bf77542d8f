from pathlib import Path

import pytest

from autopeft.benchmarks.page import replaced, rewrite
from autopeft.benchmarks.parts import PARTS
from autopeft.benchmarks.tables import Table, Target, ratios, spread
from autopeft.core.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "benchmarks.md"
TABLE = Table(
    "driver", "Driver", ("side", "time"), [["ours", "1 ms"]],
    [Target("costs ×", 1.5, at_most=1.3)], ["a note with \\1"],
)  # fmt: skip


def test_a_target_says_whether_it_is_met() -> None:
    assert TABLE.targets[0].sentence == "costs ×: 1.50 (wanted ≤ 1.3, MISSED)"
    assert Target("saves ×", 10, at_least=10).is_met
    assert TABLE.as_dict()["targets"][0]["met"] is False


def test_factors_are_taken_round_by_round() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    assert spread([2.0, 9.0, 4.0], "ms") == "4.0 ms (2.0–9.0)"


def test_a_table_takes_the_place_of_the_one_before() -> None:
    once = replaced(PAGE.read_text(), TABLE, {"machine": "small"})
    assert "| ours | 1 ms |" in once
    assert "a note with \\1" in once
    assert replaced(once, TABLE, {"machine": "small"}) == once
    assert once.count("## ") == PAGE.read_text().count("## ")


def test_the_page_has_a_place_for_every_table() -> None:
    for name in PARTS:
        table = Table(name, "", ("side",), [[f"row of {name}"]])
        assert f"| row of {name} |" in replaced(PAGE.read_text(), table, {})


def test_a_page_without_markers_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such page"):
        rewrite(tmp_path / "none.md", [TABLE], {})
    (tmp_path / "page.md").write_text("# Nothing\n")
    with pytest.raises(InputError, match="lacks the markers"):
        rewrite(tmp_path / "page.md", [TABLE], {})
