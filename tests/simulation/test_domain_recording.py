"""A bridge recorded scenario by scenario, kept, completed, and read as domains."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from autopeft.core.errors import InputError
from autopeft.core.places import shipped
from autopeft.data.description import description
from autopeft.simulation import domain_recording
from autopeft.simulation.domain_recording import record_domains, write_recording
from autopeft.simulation.domains import recorded_domains
from autopeft.simulation.recording import design
from autopeft.spec.bridge import Bridge, load_bridge
from autopeft.spec.data import ProceduralData
from autopeft.spec.load import load_sweep

SIDE = {
    "task": {"kind": "contrastive", "data": {"kind": "procedural", "source_clips": 0}},
    "method": {"kind": "lora", "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}},
    "training": {"steps": 2, "batch_size": 4, "warmup_steps": 0, "report_every": 2},
    "search": {"scheduler": {"kind": "none"}, "trials": 4},
}
SETTINGS = {
    "name": "small",
    "proxy": SIDE,
    "target": {**SIDE, "model": {"base": "autopeft/small-clap"}},
    "train": [
        {"name": "a", "both": {"task.data.clips": 112}},
        {"name": "b", "both": {"task.data.clips": 112, "task.data.domain": "hall"},
         "features": {"snr": 9.0}},
    ],
}  # fmt: skip


@pytest.fixture
def bridge(tmp_path: Path) -> Bridge:
    return made(tmp_path, SETTINGS)


def made(folder: Path, settings: dict[str, Any]) -> Bridge:
    path = folder / "bridge.yaml"
    path.write_text(yaml.safe_dump(settings))
    return load_bridge(path)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Accuracy by formula where training would be; returns what was trained, file by file."""
    done: list[str] = []

    def train(jobs, *, processes):
        for index, job in enumerate(jobs, start=1):
            if not job.path.exists():
                job.path.parent.mkdir(parents=True, exist_ok=True)
                rate = json.loads(job.spec_json)["method"].get("learning_rate", 0.0)
                report = {"step": 2, "validation": 0.9 - rate, "test": 0.8 - rate, "source": None,
                          "step_seconds": 0.1}  # fmt: skip
                body = {"effective": "e", "trainable_parameters": 7, "reason": ""}
                job.path.write_text(json.dumps({**body, "reports": [report]}))
                done.append(f"{job.path.parent.name}/{job.path.stem.partition('-s')[0]}")
            yield index, len(jobs)

    monkeypatch.setattr(domain_recording, "trained", train)
    return done


def tell(done: int, total: int) -> None:
    pass


def test_both_sides_of_a_scenario_train_the_same_points_one_scenario_after_the_other(
    bridge: Bridge, trainings: list[str], tmp_path: Path
) -> None:
    record_domains(bridge, tmp_path / "out", processes=1, progress=tell)
    folders = list(dict.fromkeys(name.partition("/")[0] for name in trainings))
    assert folders == ["a.proxy", "a.target", "b.proxy", "b.target"]
    assert len(trainings) == 2 * (1 + 2 * 13)
    domains = recorded(tmp_path / "out")
    assert [domain.name for domain in domains] == ["a", "b"]
    for domain in domains:
        cubes = [[r.cube for r in side.recordings] for side in (domain.proxy, domain.target)]
        assert cubes == [design(domain.target_space)] * 2
        assert domain.target.steps == (2,)


def recorded(folder: Path):
    spaces = {side: load_sweep(folder / f"{side}.yaml").space for side in ("proxy", "target")}
    return recorded_domains(folder, **spaces)


def test_what_may_be_known_of_the_data_is_noted_and_what_made_it_is_not(
    bridge: Bridge, trainings: list[str], tmp_path: Path
) -> None:
    record_domains(bridge, tmp_path / "out", processes=1, progress=tell)
    a, b = recorded(tmp_path / "out")
    assert set(a.data) == {*description(ProceduralData(clips=112)), "zero-shot"}
    assert set(b.data) == {*a.data, "snr"}
    assert (a.data["train clips"], a.data["classes"], b.data["snr"]) == (56, 28, 9)
    assert a.data["snr_db"] != b.data["snr_db"]
    facts = json.loads((tmp_path / "out" / "domains.json").read_text())
    assert facts["a"]["splits"] == {"train": 56, "validation": 28, "test": 28}


def test_a_recording_is_completed_from_its_table_and_not_made_twice(
    bridge: Bridge, trainings: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = record_domains(made(tmp_path, {**SETTINGS, "train": SETTINGS["train"][:1]}), out,
                           processes=1, progress=tell)  # fmt: skip
    for path in sorted((out / "parts").rglob("*.json")):
        path.unlink()
    before = len(trainings)
    whole = record_domains(bridge, out, processes=1, progress=tell)
    assert {name.partition(".")[0] for name in trainings[before:]} == {"b"}
    pd.testing.assert_frame_equal(whole[whole["scenario"] == "a"], first)
    assert len(whole) == 2 * len(first)


def test_a_scenario_that_is_not_whole_is_left_out_of_the_table(
    bridge: Bridge, trainings: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    record_domains(bridge, out, processes=1, progress=tell)
    next((out / "parts" / "b.target").glob("c0003-*")).unlink()
    assert set(write_recording(bridge, out)["scenario"]) == {"a"}


def test_other_trainings_under_the_same_name_are_refused(
    bridge: Bridge, trainings: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    record_domains(bridge, out, processes=1, progress=tell)
    other = made(tmp_path, {**SETTINGS, "target": SIDE})
    with pytest.raises(InputError, match="holds other trainings of 'a'"):
        record_domains(other, out, processes=1, progress=tell)


def test_the_shipped_bridge_has_sixteen_domains_and_enough_configurations_of_each() -> None:
    bridge = load_bridge(shipped("search_spaces") / "bridges" / "peft_domains.yaml")
    scenarios = [scenario for _, scenario in bridge.scenarios()]
    assert len(scenarios) == 16
    data = [bridge.sweep(s, "target").any_trial.task.data for s in scenarios]
    assert len({d.model_dump_json() for d in data}) == 16
    assert len({d.seed for d in data}) == 16
    assert len(design(bridge.sweep(scenarios[0], "target").space)) >= 40
    assert all(400 <= round(d.clips * d.split.test) <= 420 for d in data)
    assert np.ptp([d.clips * d.split.train for d in data]) > 400
