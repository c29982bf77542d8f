"""The recorded benchmark: designed over all branches, kept, completed, looked up."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autopeft.simulation import recording
from autopeft.simulation.recorded import Recorded, read_recordings, truth
from autopeft.spec.load import load_sweep
from autopeft.spec.sweep import Sweep

SPEC = {
    "name": "small",
    "task": {"kind": "contrastive", "data": {"kind": "procedural", "clips": 112,
                                             "source_clips": 28}},
    "method": {"any_of": [
        {"kind": "lora", "learning_rate": "search", "rank": "search"},
        {"kind": "ia3", "learning_rate": "search"},
    ]},
    "training": {"steps": 4, "batch_size": 4, "report_every": 2, "warmup_steps": 1},
    "search": {"scheduler": {"kind": "none"}},
}  # fmt: skip


@pytest.fixture
def sweep() -> Sweep:
    return load_sweep(SPEC)


def test_every_branch_is_designed_by_its_parameters(sweep: Sweep) -> None:
    cubes = recording.design(sweep.space)
    values = [sweep.space.decode(cube) for cube in cubes]
    assert Counter(v["method"] for v in values) == {"lora": 4 + 9 * 2, "ia3": 4 + 9}
    assert cubes == recording.design(sweep.space)
    assert len({json.dumps(cube) for cube in cubes}) == len(cubes)
    assert {v["method"] for v in values[:2]} == {"lora", "ia3"}


def test_a_curve_is_real_and_scored_on_test(sweep: Sweep, tmp_path: Path) -> None:
    cube = recording.design(sweep.space)[0]
    spec = sweep.trial(sweep.space.decode(cube), seed=1)
    found = recording._curve(spec, str(tmp_path))
    assert found["reason"] == ""
    assert [report["step"] for report in found["reports"]] == [2, 4]
    for report in found["reports"]:
        assert 0 <= report["validation"] <= 1
        assert 0 <= report["test"] <= 1
        assert report["step_seconds"] >= 0
    assert found["reports"][0]["source"] is None
    assert 0 < found["reports"][1]["source"] <= 1


def made(sweep: Sweep, folder: Path, configs: int, seeds: int = 2) -> None:
    """Write curves by formula where training would."""
    folder.mkdir(exist_ok=True)
    for index in range(configs):
        for seed in range(seeds):
            reports = [
                {"step": step, "validation": 0.01 * index + 0.1 * seed, "test": 0.5,
                 "source": 0.9 if step == 4 else None, "step_seconds": 0.1}
                for step in (2, 4)
            ]  # fmt: skip
            body = {"effective": "e", "trainable_parameters": 7, "reason": "", "reports": reports}
            (folder / f"c{index:04d}-s{seed}.json").write_text(json.dumps(body))


def test_a_recording_is_completed_and_not_made_twice(sweep: Sweep, tmp_path: Path) -> None:
    made(sweep, tmp_path / "parts", 6)
    table = recording.gather(sweep, tmp_path / "parts")
    assert len(table) == 6 * 2 * 2
    recording.unpack(sweep, table, tmp_path / "again")
    again = recording.gather(sweep, tmp_path / "again")
    pd.testing.assert_frame_equal(table, again)


def test_a_point_stands_for_the_nearest_of_its_branch(sweep: Sweep, tmp_path: Path) -> None:
    made(sweep, tmp_path / "parts", 35)
    path = tmp_path / "curves.parquet"
    recording.gather(sweep, tmp_path / "parts").to_parquet(path)
    problem = Recorded(read_recordings(path), sweep.space.axes, seed=1)
    for cube in recording.design(sweep.space):
        assert problem.nearest(cube).cube == cube
    rng = np.random.default_rng(0)
    for _ in range(50):
        rate = float(rng.random())
        cube = {"method": 0.75, "method.ia3.learning_rate": rate}
        apart = [
            abs(rate - r.cube["method.ia3.learning_rate"])
            for r in problem.recordings
            if "method.ia3.learning_rate" in r.cube
        ]
        found = problem.nearest(cube).cube["method.ia3.learning_rate"]
        assert math.isclose(abs(rate - found), min(apart))
    assert problem.best == pytest.approx(min(truth(r) for r in problem.recordings))
    last = recording.design(sweep.space)[34]
    assert problem.curve(last).losses[-1] == pytest.approx(1 - 0.44)
    assert problem.curve(last).truth == pytest.approx(1 - 0.39)
