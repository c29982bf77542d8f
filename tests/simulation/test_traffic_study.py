"""What a day costs, cold and from a bridge: the searches, and the arithmetic of their seconds."""

import numpy as np
import pandas as pd
import pytest

from autopeft.cli.main import main
from autopeft.simulation import traffic_study as study
from autopeft.traffic.scenarios import DAYS, truth
from autopeft.traffic.situation import RANGES


def cheap(day, situation, *, mode):
    """A bowl in the place of the simulator: the proxy is best a little beside the target."""
    off = 0.1 if mode == "meso" else 0.0
    miss = [
        (getattr(situation, name) - getattr(truth(day), name)) / (high - low) - off
        for name, (low, high) in RANGES.items()
    ]
    return {"error": float(np.sqrt(np.mean(np.square(miss)))), "simulator_seconds": 1.0}


@pytest.fixture
def bowls(monkeypatch):
    monkeypatch.setattr(study, "score", cheap)
    study._runs.cache_clear()


def run(tmp_path, days):
    raw, told = tmp_path / "raw.parquet", []
    rows = [row for job in study.first_jobs(days, repetitions=1) for row in study.run_first(job)]
    pd.DataFrame(rows).to_parquet(raw)
    for job in study.bridged_jobs(days, repetitions=1):
        told += study.run_bridged(job, raw=raw)
    return pd.DataFrame(rows + told)


@pytest.mark.slow
def test_a_bridge_that_learnt_the_map_begins_where_a_cold_search_ends(bowls, tmp_path):
    table = run(tmp_path, DAYS[:10])
    sizes = table.groupby("search").size()
    assert sizes.to_dict() == {name: 10 * trials for name, trials in study.TRIALS.items()}
    costs = study.one_shot_costs(table)
    assert len(costs) == 10
    assert not any(cost.stood_aside for cost in costs)
    assert all(cost.bridge_seconds == 1 and cost.bridge_reached for cost in costs)
    assert np.median([cost.cold_seconds for cost in costs]) > 10
    assert all(cost.proxy_seconds == study.TRIALS["proxy"] for cost in costs)
    assert study.learning_seconds(table).tolist() == [10 * (study.TRIALS["proxy"] + 40)]


def test_seconds_are_counted_until_an_error_is_reached():
    def rows(search, errors, seconds):
        return pd.DataFrame(
            {"day": "d", "repetition": 0, "search": search, "trial": range(len(errors)),
             "error": errors, "seconds": seconds, "stood_aside": False}
        )  # fmt: skip

    table = pd.concat(
        [
            rows("proxy", [9, 8], [0.1, 0.2]),
            rows("cold", [5, 3, 2], [1, 2, 3]),
            rows("bridge", [3, 1], [4, 8]),
        ]
    )
    (one_shot,) = study.one_shot_costs(table)
    assert (one_shot.level, one_shot.cold_seconds, one_shot.bridge_seconds) == (3, 2, 4)
    (near,) = study.same_error_costs(table, within=1.1)
    assert near.level == pytest.approx(1.1)
    assert (near.cold_seconds, near.cold_reached) == (3, False)
    assert (near.bridge_seconds, near.bridge_reached) == (8, True)
    assert near.proxy_seconds == 0.2
    words = study.summary(table)
    assert words["within 10 % of the best error"]["cold reached"] == "0 of 1"


def test_too_few_days_are_refused_before_any_is_fitted(tmp_path, capsys):
    raw = tmp_path / "raw.parquet"
    assert main(["bench", "traffic", *DAYS[:3], "--raw", str(raw)]) == 2
    assert "found 3 days; each is held out in turn" in capsys.readouterr().err
    assert not raw.exists()


def test_a_day_that_is_none_is_told(tmp_path, capsys):
    assert main(["bench", "traffic", "day-99", "--raw", str(tmp_path / "raw.parquet")]) == 2
    assert "no day named 'day-99'" in capsys.readouterr().err
