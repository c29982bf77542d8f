"""``autopeft bridge``: the shipped bridge reads, steps say what they lack, what is wrong is 2."""

from pathlib import Path

import numpy as np
import pytest

from autopeft.cli.main import main
from autopeft.core.places import shipped
from autopeft.simulation.function_family import family_proxy, family_target, true_optimum
from autopeft.spec.bridge import SIDES, load_bridge
from autopeft.trial.objectives import load_objective

FUNCTIONS = shipped("search_spaces") / "bridges" / "functions.yaml"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shipped_bridge_is_prepared_without_running_anything(here, capsys):
    assert main(["spaces", "cp", "bridges/functions.yaml", "functions.yaml"]) == 0
    assert main(["bridge", "prepare", "functions.yaml"]) == 0
    assert "a proxy" in capsys.readouterr().err
    files = sorted(path.name for path in here.glob("bridges/functions/sweeps/*/*.yaml"))
    assert len(files) == 20
    assert main(["bridge", "prepare", "functions.yaml"]) == 0
    assert capsys.readouterr().err.count("unchanged") == 20


def test_its_scenarios_follow_the_map_and_do_not_repeat():
    bridge, seen = load_bridge(FUNCTIONS), set()
    for _, scenario in bridge.scenarios():
        at = tuple(scenario.both[f"task.parameters.at_{axis}"] for axis in "xy")
        best = true_optimum(np.asarray(at))
        assert all(0.05 < x < 0.95 for x in best)
        assert family_proxy(*at, *at) == pytest.approx(0, abs=1e-12)
        assert family_target(*best, *at) == pytest.approx(0, abs=1e-12)
        seen.add(at)
    assert len(seen) == 10
    for side in SIDES:
        task = bridge.sweep(bridge.settings.train[0], side).template.trees["task"]
        assert load_objective(task["entry_point"])(x=0.5, y=0.5, at_x=0.5, at_y=0.2) > 0


def test_a_step_before_its_time_says_which_one_is_missing(here, capsys):
    assert main(["bridge", "fit", str(FUNCTIONS)]) == 1
    assert "`autopeft bridge collect` writes it" in capsys.readouterr().err
    assert main(["bridge", "predict", str(FUNCTIONS), "nowhere"]) == 1
    assert "`autopeft bridge fit` writes one" in capsys.readouterr().err


def test_what_is_wrong_in_a_bridge_file_is_said_with_its_line(here, capsys):
    text = FUNCTIONS.read_text(encoding="utf-8").replace("name: functions", "nmae: functions")
    (here / "wrong.yaml").write_text(text)
    assert main(["bridge", "run", "wrong.yaml"]) == 2
    said = capsys.readouterr().err
    assert "wrong.yaml:3  nmae: unknown key 'nmae'; did you mean 'name'?" in said
    assert "name: missing" in said


def test_shipped_bridges_are_listed(here, capsys):
    assert main(["spaces", "ls"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert "bridges/functions.yaml" in listed


@pytest.mark.slow  # a process of its own that imports everything
def test_a_bench_of_one_table(here, capsys):
    words = ["bench", "bridge", "sphere", "--start", "cold", "--repetitions", "1"]
    assert main([*words, "--raw", "raw.parquet"]) == 0
    out = capsys.readouterr().out
    assert "sphere, regular, nelder-mead, cold" in out
    assert main(["bench", "bridge", "spere"]) == 2
    assert "did you mean 'sphere'?" in capsys.readouterr().err
