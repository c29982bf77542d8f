"""The tables of the recorded domains, from what ships."""

import json
from pathlib import Path

import pandas as pd
import pytest

from autopeft.benchmarks import domains
from autopeft.core.errors import InputError
from autopeft.core.places import shipped
from autopeft.spec.bridge import load_bridge

DATA = Path(__file__).parents[1] / "data"
FOLDER, RAW = DATA / "peft_domains", DATA / "domains_results.parquet"


def test_what_ships_is_of_the_bridge_that_ships_and_whole_on_every_domain() -> None:
    bridge = load_bridge(shipped("search_spaces") / "bridges" / "peft_domains.yaml")
    table = pd.read_parquet(FOLDER / "domains.parquet")
    facts = json.loads((FOLDER / "domains.json").read_text())
    scenarios = {scenario.name: scenario for _, scenario in bridge.scenarios()}
    assert set(table["scenario"]) == set(facts) <= set(scenarios)
    assert all(facts[name]["both"] == scenarios[name].both for name in facts)
    sizes = table.groupby(["scenario", "side"])["config"].nunique()
    assert set(sizes) == {40}
    assert (table["reason"] == "").all()
    assert table["validation"].between(0, 1).all()


def test_the_domains_differ_in_what_is_best() -> None:
    table = domains.differences(FOLDER)
    names = set(pd.read_parquet(FOLDER / "domains.parquet")["scenario"])
    assert {row[0] for row in table.rows} == names
    (target,) = table.targets
    assert target.at_least == 0.01
    assert len({row[2:6] for row in table.rows}) > 1
    domains_known = domains.bridge_study.domains_of(str(FOLDER))
    clips = {domain.name: 405 for domain in domains_known}
    targets = {domain.name: domain.target for domain in domains_known}
    scores = domains.study.scores_of(targets, clips)
    clear = domains.study.borrowed(scores) > domains.study.SIGMAS * domains.study.noise(scores)
    assert clear.sum() > 0.2 * len(clips) * (len(clips) - 1)  # by chance: 0.02


def test_every_start_stands_in_the_table_of_trials() -> None:
    tables = domains.tables(FOLDER, RAW)
    next(tables)
    trials = next(tables)
    starts = {row[3] for row in trials.rows}
    assert {"cold", "best_of_history", "quantiles", "bounding_box", "zero_shot"} <= starts
    assert starts & {"bridge", "bridge, stood aside"}
    assert {row[0] for row in trials.rows} == {"peft_domains"}


def test_without_raw_results_it_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`autopeft bench bridge --recordings .* --raw` makes it"):
        list(domains.tables(FOLDER, tmp_path / "none.parquet"))
