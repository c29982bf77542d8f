"""Each benchmark once, small: that it runs and says what it measured, not how fast."""

import json

import pytest

from autopeft.benchmarks.__main__ import main

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@pytest.mark.parametrize(
    ("part", "rows"), [("driver", 3), ("warm", 2), ("tracking", 4), ("slots", 2), ("pauses", 9)]
)
def test_a_quick_benchmark_fills_its_table(
    part: str, rows: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([part, "--quick", "--json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert table["name"] == part
    assert len(table["rows"]) == rows
    assert all(target["value"] > 0 for target in table["targets"])
