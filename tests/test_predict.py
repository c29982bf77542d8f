import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile

from autopeft.cli.main import main
from autopeft.core.errors import DataError, InputError
from autopeft.export import export
from autopeft.predict import predict

train_run = runpy.run_path(str(Path(__file__).parent / "trained_run.py"))["train_run"]
PROMPTS = ["mid steady tone", "white noise"]
FORMATS = ("wav", "flac", "mp3", "ogg")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    method = {"kind": "lora", "rank": 4, "learning_rate": 0.005}
    return train_run(folder, method, prompt="the sound of {caption}")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    wave = 0.5 * np.sin(2 * np.pi * 600 * np.arange(16000) / 16000)
    for name in FORMATS:
        soundfile.write(folder / f"tone.{name}", wave, 16000)
    return [str(folder / f"tone.{name}") for name in FORMATS]


def test_every_format_is_scored_and_rows_sum_to_one(run, sounds):
    scores = predict(run.path, sounds, PROMPTS)
    values = np.array(scores.values)

    assert values.shape == (4, 2)
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(values, np.broadcast_to(values[0], (4, 2)), atol=0.1)


def test_without_prompts_the_captions_of_training_are_scored(run, sounds):
    assert len(predict(run.path, sounds[:1]).prompts) == 28


def test_run_export_and_merged_model_agree(run, sounds, tmp_path):
    adapter = export(run.path, tmp_path / "adapter").folder
    merged = export(run.path, tmp_path / "merged", merged=True).folder
    expected = predict(run.path, sounds, PROMPTS).values

    np.testing.assert_allclose(predict(adapter, sounds, PROMPTS).values, expected, atol=1e-6)
    np.testing.assert_allclose(predict(merged, sounds, PROMPTS).values, expected, atol=1e-4)


def test_all_files_that_cannot_be_read_are_named_at_once(run, sounds, tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not a sound")
    soundfile.write(tmp_path / "silent.wav", np.zeros(0), 8000)
    names = ["empty.wav", "text.wav", "silent.wav", "gone.wav"]
    with pytest.raises(DataError) as caught:
        predict(run.path, [sounds[0], *(tmp_path / name for name in names)], PROMPTS)
    lines = str(caught.value).splitlines()
    assert [name in line for name, line in zip(names, lines, strict=True)] == [True] * 4


def test_a_damaged_export_says_so(run, tmp_path):
    folder = export(run.path, tmp_path / "out").folder
    (folder / "autopeft.json").write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        predict(folder, ["a.wav"])


def test_the_verb_prints_a_table_or_json(run, sounds, capsys):
    arguments = ["predict", str(run.path), *sounds, *(f"--prompt={prompt}" for prompt in PROMPTS)]
    assert main(arguments) == 0
    table = capsys.readouterr().out
    assert "probability" in table
    assert "white noise" in table
    assert main([*arguments, "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["sound"] for record in records] == sounds
    assert set(records[0]["scores"]) == set(PROMPTS)


def test_a_source_that_is_nothing_is_a_sentence(tmp_path, sounds, capsys):
    assert main(["predict", str(tmp_path / "nothing"), sounds[0]]) == 2
    assert "no run folder" in capsys.readouterr().err
