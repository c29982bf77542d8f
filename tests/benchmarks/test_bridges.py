"""The table of warm starts, from the raw results that are kept."""

from pathlib import Path

import pytest

from autopeft.benchmarks.bridges import bridge
from autopeft.core.errors import InputError

RAW = Path(__file__).parents[1] / "data" / "bridge_results.parquet"


def test_every_family_has_a_cold_start_a_bridge_and_every_transfer():
    table = bridge(RAW)
    starts = {(row[0], row[1], row[2]): [] for row in table.rows}
    for row in table.rows:
        starts[row[0], row[1], row[2]].append(row[3])
    assert len(starts) == 12
    assert all(found[:2] == ["cold", "bridge"] and len(found) == 6 for found in starts.values())


def test_targets_judge_regular_and_misleading_domains_apart():
    targets = bridge(RAW).targets
    misleading = [target for target in targets if "misleading" in target.claim]
    assert len(misleading) == 6
    assert {target.at_most for target in misleading} == {1.1}
    assert {t.at_most for t in targets if t.claim.endswith("/ cold") and t not in misleading} == {
        0.5
    }


def test_without_raw_results_it_says_what_makes_them(tmp_path):
    with pytest.raises(InputError, match="`autopeft bench bridge --raw` makes it"):
        bridge(tmp_path / "none.parquet")
