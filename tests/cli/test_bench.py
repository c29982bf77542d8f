"""``autopeft bench``: small comparisons through the command line, and what is asked wrongly."""

import json
from pathlib import Path

import pandas as pd
import pytest

from autopeft.cli.main import main
from autopeft.core.places import shipped
from autopeft.simulation.recording import design
from autopeft.spec.load import load_sweep


def test_searchers_are_compared_and_what_was_run_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw.parquet"
    words = ["bench", "searchers", "random", "nelder-mead", "--instances", "1"]
    words += ["--budget", "5 D rounds, D = 2", "--raw", str(raw)]
    assert main(words) == 0
    first = capsys.readouterr()
    assert "48/48 runs" in first.err
    row = next(line for line in first.out.splitlines() if "5 D rounds, D = 2" in line)
    random, simplex = (float(word) for word in row.split() if word.replace(".", "").isdigit()
                       and "." in word)  # fmt: skip
    assert simplex < random / 10
    assert len(pd.read_parquet(raw)) == 48
    assert main(words) == 0
    again = capsys.readouterr()
    assert "runs" not in again.err
    assert again.out == first.out


def test_reckoning_with_costs_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "costs", "random", "--repetitions", "2"]) == 0
    shown = capsys.readouterr()
    assert "12/12 searches" in shown.err
    assert "a dear one is best, 15" in shown.out


def test_an_unknown_searcher_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "searchers", "nelder"]) == 2
    assert "did you mean 'nelder-mead'?" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "recorded", "none.parquet"]) == 2
    assert "none.parquet: no such file" in capsys.readouterr().err


def test_searches_on_recorded_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = load_sweep(shipped("search_spaces") / "recorded.yaml").space
    rows = [
        {
            "config": index, "seed": seed, "values": json.dumps(space.decode(cube)),
            "cube": json.dumps(cube), "effective": "", "trainable_parameters": 1, "reason": "",
            "step": step, "validation": 0.5 + 0.0005 * index, "test": 0.5, "source": None,
            "step_seconds": 0.1,
        }
        for index, cube in enumerate(design(space))
        for seed in (0, 1)
        for step in range(10, 90, 10)
    ]  # fmt: skip
    curves = tmp_path / "curves.parquet"
    pd.DataFrame(rows).to_parquet(curves)
    words = ["bench", "recorded", str(curves), "random", "nelder-mead", "--scheduler", "asha"]
    assert main([*words, "--repetitions", "2"]) == 0
    shown = capsys.readouterr().out
    assert "random, asha" in shown
    assert "nelder-mead, asha" in shown
    assert "±" in shown


METHODS = """
name: costs
task: {kind: contrastive, data: {kind: procedural, clips: 112, source_clips: 28}}
method: {kind: lora}
training: {steps: 80, batch_size: 4}
search: {objectives: {accuracy: max}}
"""


@pytest.mark.slow
def test_methods_are_measured_and_what_was_measured_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("search.yaml").write_text(METHODS)
    words = ["bench", "methods", "search.yaml", "head", "full", "--precision", "float32"]
    words += ["--raw", "raw.parquet"]
    assert main(words) == 0
    first = capsys.readouterr()
    assert "2/2 methods" in first.err
    rows = pd.read_parquet("raw.parquet").set_index("method")
    assert (rows["device"] == "CPU").all()
    assert (rows["batch_size"] == 4).all()
    assert rows.loc["full", "trainable_parameters"] == rows.loc["full", "base_parameters"]
    assert rows.loc["head", "trainable_parameters"] < rows.loc["full", "trainable_parameters"]
    assert (rows["step_seconds"] > 0).all()
    assert main(words) == 0
    assert capsys.readouterr().out == first.out


def test_methods_are_measured_where_a_base_is_adapted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(
        "name: costs\n"
        "task: {kind: command, command: [echo, '{x}'], parameters: {x: {low: 0, high: 1}}}\n"
        "search: {objectives: {objective: min}}\n"
    )
    assert main(["bench", "methods", str(file)]) == 2
    assert "task.kind: methods can be measured where a base is adapted" in capsys.readouterr().err
