"""The tables of a GPU, from what ships."""

from pathlib import Path

import pandas as pd
import pytest

from autopeft.benchmarks import gpu
from autopeft.core.errors import InputError
from autopeft.simulation.method_costs import KINDS, PRECISIONS

DATA = Path(__file__).parents[1] / "data"


def test_every_method_stands_in_the_table_in_every_precision() -> None:
    methods, _ = gpu.tables(DATA)
    assert [row[0] for row in methods.rows] == list(KINDS)
    assert {f"{precision}, step" for precision in PRECISIONS} < set(methods.columns)
    assert not any("–" in row for row in methods.rows)


def test_rates_are_of_all_trials_side_by_side() -> None:
    *_, sharing = gpu.tables(DATA)
    raw = pd.read_parquet(DATA / gpu.SHARING)
    assert [int(row[0]) for row in sharing.rows] == sorted(set(raw["slots"]))
    assert sum(int(row[2]) for row in sharing.rows) == len(raw)


def test_without_raw_results_it_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`autopeft bench methods --raw` makes it"):
        list(gpu.tables(tmp_path))
