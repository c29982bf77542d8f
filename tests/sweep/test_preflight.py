import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from autopeft.core.errors import InputError
from autopeft.spec.load import load_sweep
from autopeft.sweep import preflight
from autopeft.sweep.preflight import preflight as check

RAW = {
    "name": "small",
    "task": {"data": {"kind": "procedural"}},
    "method": {"kind": "lora"},
}
FILE = """\
name: small
task:
  data:
    kind: folder
    path: sounds
method: {kind: lora}
model:
  base: ./base
training: {batch_size: 6}
"""


@pytest.fixture
def place(tmp_path):
    """A search file beside a folder of sounds and one of a base, all right."""
    from autopeft.models.load import SHIPPED, TINY_CLAP

    folder = tmp_path / "sounds"
    folder.mkdir()
    rows = ["file,caption"]
    for index in range(12):
        wave = np.random.default_rng(index).normal(0, 0.1, 800)
        soundfile.write(folder / f"{index}.wav", wave, 8000)
        rows.append(f"{index}.wav,{'a bell' if index % 2 else 'a dog'}")
    (folder / "captions.csv").write_text("\n".join(rows) + "\n")
    shutil.copytree(SHIPPED[TINY_CLAP], tmp_path / "base")
    (tmp_path / "search.yaml").write_text(FILE)
    return tmp_path


@pytest.fixture
def problems(place):
    """Return what is wrong, line by line, the folder's name taken out."""

    def ask(*overrides):
        sweep = load_sweep(place / "search.yaml", overrides)
        with pytest.raises(InputError) as caught:
            check(sweep, quick=True)
        return str(caught.value).replace(f"{place}/", "").splitlines()

    return ask


@pytest.mark.slow
def test_what_is_right_is_let_pass_also_when_it_is_loaded(place):
    assert check(load_sweep(place / "search.yaml")) == []


def test_more_clips_than_there_are_is_a_remark(place):
    sweep = load_sweep(place / "search.yaml", ["task.data.clips=50"])
    (remark,) = check(sweep, quick=True)
    assert str(remark) == ("command line  task.data.clips: data.clips is 50, but there are only 12")


def test_the_shipped_base_and_formulas_need_no_look():
    assert check(load_sweep(RAW)) == []


def test_it_loads_neither_torch_nor_ray(place):
    code = f"""
import sys
from autopeft.spec.load import load_sweep
from autopeft.sweep.preflight import preflight
preflight(load_sweep({str(place / "search.yaml")!r}), quick=True)
print([name for name in ("torch", "ray", "transformers", "mlflow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_data_and_base_are_told_together_with_their_lines(place, problems):
    shutil.rmtree(place / "sounds")
    shutil.rmtree(place / "base")
    (place / "sound").mkdir()
    assert problems() == [
        "search.yaml:5  task.data.path: there is no folder sounds; did you mean 'sound'?",
        "search.yaml:8  model.base: there is no folder base",
    ]


def test_captions_that_are_not_there_are_told_where_they_are_named(place, problems):
    (place / "sounds" / "captions.csv").rename(place / "sounds" / "caption.csv")
    assert problems() == [
        "search.yaml:3  task.data.captions: there is no file sounds/captions.csv; did you mean "
        "'caption.csv'?"
    ]


def test_a_mistake_in_the_captions_keeps_their_line(place, problems):
    table = place / "sounds" / "captions.csv"
    table.write_text(table.read_text().replace("3.wav,a bell", "3.wav,\n33.wav,a bell"))
    lines = problems()
    assert lines[0] == "sounds/captions.csv:5  caption is empty"
    assert lines[1].startswith("sounds/captions.csv:6  no such file '33.wav'")
    table.write_text("file,caption\n")
    assert problems() == ["sounds/captions.csv:1  no captions: the table has a header and no rows"]
    table.write_text("file,caption\n0.wav,a\n1.wav,a\n2.wav,a\n")
    assert problems()[0].startswith("search.yaml:5  task.data.path: sounds/captions.csv: every")


def test_sounds_that_are_none_are_told_where_their_folder_is_named(place, problems):
    (place / "sounds" / "0.wav").write_bytes(b"")
    soundfile.write(place / "sounds" / "2.wav", np.zeros(0), 8000)
    first, second = sorted(problems())
    assert first == "search.yaml:5  task.data.path: sounds/0.wav: an empty file, 0 bytes"
    assert second == "search.yaml:5  task.data.path: sounds/2.wav: no samples, the file is empty"


@pytest.mark.parametrize("path", ["x" * 5000, "~nobody-here/sounds", "/etc/passwd"])
def test_a_path_that_cannot_be_is_a_sentence(path, problems):
    (line,) = problems(f"task.data.path={path}")
    assert line.startswith("command line  task.data.path: ")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda base: (base / "config.json").unlink(), "base lacks config.json; a base folder ho"),
        (lambda base: (base / "config.json").write_text("{"), "config.json cannot be read as JSO"),
        (
            lambda base: (base / "config.json").write_text('{"model_type": "bert"}'),
            "base is of type 'bert'; supported: clap",
        ),
        (
            lambda base: os.truncate(base / "model.safetensors", 5000),
            "model.safetensors cannot be read as safetensors (",
        ),
        (
            lambda base: (base / "model.safetensors").rename(base / "m.safetensors.index.json"),
            "base lacks model.safetensors; a base",
        ),
    ],
)
def test_a_base_folder_is_judged_without_loading_it(spoil, words, place, problems):
    spoil(place / "base")
    (line,) = problems()
    assert line.startswith("search.yaml:8  model.base: ")
    assert words in line


def test_what_a_base_consists_of_is_what_loading_needs():
    from autopeft.models import load
    from autopeft.spec import model

    assert set(model.FAMILIES) == load.FAMILIES.keys()
    assert set(model.SHIPPED) == load.SHIPPED.keys()


def test_an_unknown_domain_is_found():
    raw = {**RAW, "task": {"data": {"kind": "procedural", "domain": "worksop"}}}
    with pytest.raises(InputError, match="did you mean 'workshop'"):
        check(load_sweep(raw))


def test_every_base_that_is_searched_is_looked_at(monkeypatch):
    raw = {**RAW, "model": {"base": {"one_of": ["autopeft/tiny-clap", "a/b", "/nowhere"]}}}
    monkeypatch.setattr(
        preflight, "_loading_problems", lambda models: [f"{model.base}: no" for model in models]
    )
    with pytest.raises(InputError) as caught:
        check(load_sweep(raw))
    assert str(caught.value).splitlines() == [
        "model.base: there is no folder /nowhere",
        "model.base: a/b: no",
    ]


@pytest.mark.parametrize(
    ("size", "is_told"),
    [
        (50, False),
        (51, True),
        ({"one_of": [90, 50]}, False),
        ({"low": 51, "high": 90}, True),
        ({"low": 50, "high": 90}, False),
    ],
)
def test_a_batch_above_the_training_clips_is_told(size, is_told):
    data = {"kind": "procedural", "clips": 100}  # half of them train
    raw = {**RAW, "task": {"data": data}, "training": {"batch_size": size}}
    found = [str(remark) for remark in check(load_sweep(raw), quick=True)]
    assert len(found) == is_told
    assert all("is above the 50 training clips" in remark for remark in found)
