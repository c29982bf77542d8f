"""Domains whose map is known, and warm starts compared on them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from autopeft.core.errors import InputError
from autopeft.simulation import bridge_study as study
from autopeft.simulation.domains import others, recorded_domains
from autopeft.simulation.function_family import FUNCTIONS, family, true_optimum
from autopeft.simulation.one_shot_study import one_shots_on
from autopeft.spec.load import load_sweep
from tests.bridge.conftest import SPEC

SPACE = load_sweep(SPEC).space


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_the_target_is_best_where_the_map_says_and_elsewhere_if_made_to_mislead(kind):
    for domain in family(kind, domains=4, misleading=2):
        proxy, target = domain.proxy.function, domain.target.function
        there = true_optimum(np.asarray(proxy.best))
        assert domain.misleads is not np.allclose(target.best, there)
        assert target(np.asarray(target.best)) == pytest.approx(0, abs=1e-12)
        rng = np.random.default_rng(0)
        assert min(target(point) for point in rng.random((200, 2))) > 0
        assert all(0 <= x <= 1 for x in (*proxy.best, *target.best))


def test_a_domain_held_out_and_misleading_ones_teach_nobody():
    domains = family("sphere", domains=3, misleading=2)
    assert [d.name for d in others(domains, "sphere 1")] == ["sphere 0", "sphere 2"]


def test_a_bridge_that_learnt_the_map_beats_a_cold_start():
    rows = [
        row
        for start in ("cold", "bridge")
        for job in study.jobs(["sphere"], [start], repetitions=1)
        if job[3] == "tpe" and job[1] == "sphere 0"
        for row in study.run_one(job)
    ]
    by = pd.DataFrame(rows).groupby("start")["trials"].sum()
    assert not any(row["stood_aside"] for row in rows)
    assert by["bridge"] < by["cold"] / 2


@pytest.mark.parametrize("start", study.TRANSFERS)
def test_every_transfer_can_open_a_search(start):
    (job,) = [
        job
        for job in study.jobs(["sphere"], [start], repetitions=1)
        if job[1] == "sphere 0" and job[3] == "nelder-mead"
    ]
    (row,) = study.run_one(job)
    assert row["reached"]
    assert row["trials"] <= study.MOST_TRIALS
    assert study.run_one(job) == [row]


def test_what_a_bridge_stood_aside_from_is_counted_apart():
    base = {"table": "t", "searcher": "tpe", "repetition": 0, "misleads": False, "reached": True}
    raw = pd.DataFrame(
        [
            {**base, "domain": d, "start": s, "trials": t, "stood_aside": a, "first_regret": 0.1}
            for d, s, t, a in [
                ("a", "cold", 40, False), ("b", "cold", 20, False),
                ("a", "bridge", 10, False), ("b", "bridge", 19, True),
            ]
        ]
    )  # fmt: skip
    found = study.summary(raw)
    assert found["t", "regular", "tpe", "bridge"]["of cold"] == "25 %"
    assert found["t", "regular", "tpe", "bridge, stood aside"]["searches"] == "1"
    assert found["t", "regular", "tpe", "cold"]["mean trials"] == "30.0"


def recording(best: float, **columns: str) -> pd.DataFrame:
    """Accuracy of thirty random points by formula, highest where the learning rate is ``best``."""
    rng = np.random.default_rng(0)
    rows = []
    for config, point in enumerate(rng.random((30, 3))):
        cube = dict(zip([axis.name for axis in SPACE.axes], map(float, point), strict=True))
        accuracy = 0.9 - (cube["method.learning_rate"] - best) ** 2
        rows += [
            {
                "config": config, "seed": seed, "values": json.dumps(SPACE.decode(cube)),
                "cube": json.dumps(cube), "effective": str(config), "trainable_parameters": 1,
                "reason": "", "step": step, "validation": accuracy, "test": accuracy,
                "source": None, "step_seconds": 0.1, **columns,
            }
            for seed in (0, 1)
            for step in (10, 20)
        ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven recorded domains; the proxy is best a little below where the target is."""
    bests = {f"d{index}": best for index, best in enumerate(np.linspace(0.2, 0.8, 7))}
    tables = [
        recording(best - (0.1 if side == "proxy" else 0), scenario=name, side=side)
        for name, best in bests.items()
        for side in ("proxy", "target")
    ]
    tmp_path = tmp_path_factory.mktemp("recorded")
    pd.concat(tables).to_parquet(tmp_path / "domains.parquet", index=False)
    facts = {name: {"known": {"train clips": 100.0}, "splits": {"test": 400}} for name in bests}
    (tmp_path / "domains.json").write_text(json.dumps(facts))
    for side in ("proxy", "target"):
        (tmp_path / f"{side}.yaml").write_text(yaml.safe_dump(SPEC))
    return tmp_path


def test_recorded_domains_are_read_from_a_folder_and_can_be_studied(folder):
    domains = study.domains_of(str(folder))
    named = [domain.name for domain in domains if not domain.misleads]
    assert named == [f"d{index}" for index in range(7)]
    assert domains[3].target.steps == (10, 20)
    (job,) = [
        job
        for job in study.jobs([str(folder)], ["best_of_history"], repetitions=1)
        if job[1] == "d0" and job[3] == "tpe"
    ]
    (row,) = study.run_one(job)
    assert row["reached"]


def test_domains_are_put_together_to_mislead_as_much_as_recordings_allow(folder):
    domains = study.domains_of(str(folder))
    known = {domain.name: domain for domain in domains}
    assert [d.name for d in domains if d.misleads] == [
        "d6 that looks like d0",
        "d0 that looks like d6",
    ]
    made = domains[-1]
    assert (made.proxy, made.data) == (known["d6"].proxy, known["d6"].data)
    assert (made.target, made.best) == (known["d0"].target, known["d0"].best)
    # What it is must not be among the teachers; what it looks like is.
    assert [d.name for d in others(domains, made.name)] == [f"d{index}" for index in range(1, 7)]
    assert [d.name for d in others(domains, "d3")] == [f"d{k}" for k in (0, 1, 2, 4, 5, 6)]
    (job,) = [
        job
        for job in study.jobs([str(folder)], ["bridge"], repetitions=1)
        if job[1] == made.name and job[3] == "tpe"
    ]
    (row,) = study.run_one(job)
    assert row["misleads"]


def test_of_recorded_domains_every_configuration_is_the_past_of_every_repetition(folder):
    runs = study.past_targets(str(folder), "d0", 0)
    assert [run.name for run in runs] == [f"d{index}" for index in range(1, 7)]
    assert {len(run.trials) for run in runs} == {30}
    assert study.bridge_of(str(folder), "d0", 3) == study.bridge_of(str(folder), "d0", 0)


def test_a_one_shot_is_looked_up_where_the_bridge_and_the_past_point(folder):
    domain = study.domains_of(str(folder))[0]
    rows = pd.DataFrame(one_shots_on(str(folder), domain, repetitions=3))
    assert set(rows["by"]) == {"bridge", "mean", "best of history"}
    regret = rows.groupby("by")["regret"].median()
    model, _ = study.bridge_of(str(folder), "d0", 0)
    assert rows[rows["by"] == "bridge"]["stood_aside"].eq(not model.has_signal).all()
    assert regret["bridge"] < regret["mean"]


def test_a_folder_without_a_recording_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"domains\.parquet: no such file"):
        recorded_domains(tmp_path, proxy=SPACE, target=SPACE)
