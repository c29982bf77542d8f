import os
import runpy
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from autopeft.cli.main import main
from autopeft.tracking.journal import has_writer

SYNTHETIC = runpy.run_path(str(Path(__file__).parents[1] / "synthetic_sweep.py"))
RIGHT = """\
name: small
task:
  data: {kind: folder, path: sounds}
method:
  kind: lora
  rank: {one_of: [1, 2]}
"""


@pytest.fixture
def place(tmp_path):
    """A search file and a folder of sounds, all right; a test spoils one thing."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    rows = ["file,caption"]
    for index in range(12):
        wave = np.random.default_rng(index).normal(0, 0.1, 800)
        soundfile.write(folder / f"{index}.wav", wave, 8000)
        rows.append(f"{index}.wav,{'a bell' if index % 2 else 'a dog'}")
    (folder / "captions.csv").write_text("\n".join(rows))
    (tmp_path / "search.yaml").write_text(RIGHT)
    return tmp_path


@pytest.fixture
def refuse(place, capsys, monkeypatch):
    """Run what must be refused before a driver starts; return what was said."""

    def never(*arguments, **named):
        raise AssertionError("the driver was started")

    monkeypatch.setattr("autopeft.clusters.local.run_driver", never)

    def call(*overrides, verb="run", code):
        search = str(place / "search.yaml")
        extra = ["--runs", str(place / "runs")] if verb == "run" else []
        assert main([verb, search, *overrides, *extra]) == code
        said = capsys.readouterr()
        assert said.out == ""
        assert "Traceback" not in said.err
        assert not (place / "runs").exists()
        return said.err

    return call


@pytest.mark.parametrize("verb", ["check", "plan", "run"])
@pytest.mark.parametrize(
    ("found", "instead", "sentence"),
    [
        ("kind: lora", "kind: lora\n  rnak: 4", "unknown key 'rnak'; did you mean 'rank'?"),
        ("kind: lora", "kind: lorra", "did you mean 'lora'?"),
        ("{one_of: [1, 2]}", "many", "found 'many'"),
        ("{one_of: [1, 2]}", "{one_of: []}", "method.rank"),
        ("{one_of: [1, 2]}", "{low: 4, high: 4}", "write the number 4 itself"),
        ("{one_of: [1, 2]}", "{low: 16, high: 8}", "low 16 is above high 8"),
        ("method:", "method: [", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_remedy(
    verb, found, instead, sentence, place, refuse
):
    search = place / "search.yaml"
    search.write_text(RIGHT.replace(found, instead))
    said = refuse(verb=verb, code=2)
    assert sentence in said
    assert f"{search}:" in said


def test_all_problems_come_at_once(place, refuse):
    (place / "search.yaml").write_text(RIGHT.replace("rank:", "rnak:") + "serch: {}\n")
    said = refuse("search.trials=0", code=2)
    assert len(said.splitlines()) == 3


def test_a_file_that_is_not_there(capsys):
    assert main(["check", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == "nowhere.yaml: no such file\n"


VERBS = pytest.mark.parametrize("verb", ["check", "plan", "run"])


@VERBS
def test_data_and_base_that_are_not_there_come_at_once(verb, place, refuse):
    search = place / "search.yaml"
    search.write_text(RIGHT.replace("sounds", "nowhere") + "model: {base: ./nothing}\n")
    said = refuse(verb=verb, code=2).splitlines()
    assert said == [
        f"{search}:3  task.data.path: there is no folder {place}/nowhere",
        f"{search}:7  model.base: there is no folder {place}/nothing",
    ]


@VERBS
def test_no_captions(verb, place, refuse):
    table = place / "sounds" / "captions.csv"
    table.unlink()
    assert f"task.data.captions: there is no file {table}" in refuse(verb=verb, code=2)
    table.write_text("file,caption\n")
    assert f"{table}:1  no captions" in refuse(verb=verb, code=2)


@VERBS
def test_every_bad_sound_is_named(verb, place, refuse):
    (place / "sounds" / "0.wav").write_bytes(b"")
    (place / "sounds" / "1.wav").write_text("not a sound")
    soundfile.write(place / "sounds" / "2.wav", np.zeros(0), 8000)
    lines = refuse(verb=verb, code=2).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{place}/search.yaml:3  task.data.path: ") for line in lines)
    text = "\n".join(sorted(lines))
    assert "0.wav: an empty file, 0 bytes" in text
    assert "1.wav: not a sound file" in text
    assert "2.wav: no samples" in text


@VERBS
def test_every_sound_with_a_sample_that_is_no_number_is_named(verb, place, refuse):
    for index, value in enumerate([np.nan, np.inf, 0.1]):
        wave = np.full(800, value, np.float32)
        soundfile.write(place / "sounds" / f"{index}.wav", wave, 8000, subtype="FLOAT")
    lines = refuse(verb=verb, code=2).splitlines()
    assert len(lines) == 2
    assert all("samples that are NaN or infinite" in line for line in lines)


@pytest.mark.parametrize(
    "row",
    ["gone.wav,a bell", ".,a bell", "5.wav,a bell", "6.wav"],
    ids=["gone", "folder", "twice", "short"],
)
def test_a_wrong_row_hides_no_bad_sound(row, place, refuse):
    table = place / "sounds" / "captions.csv"
    table.write_text(f"{table.read_text()}\n{row}")
    (place / "sounds" / "0.wav").write_bytes(b"")
    first, second = refuse(verb="check", code=2).splitlines()
    assert f"{table}:14  " in first + second
    assert "0.wav: an empty file, 0 bytes" in first + second
    if row.startswith("."):
        assert "not a file: '.'" in first + second


@pytest.mark.skipif(os.environ.get("HF_ENDPOINT") is not None, reason="a Hub may answer")
@pytest.mark.parametrize("verb", [pytest.param("check", marks=pytest.mark.slow), "run"])
def test_a_hub_id_without_network_fails_at_once(verb, refuse, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    said = refuse("model.base=somebody/some-clap", verb=verb, code=2)
    assert said.startswith("command line  model.base: 'somebody/some-clap' is not in the cache")
    assert len(said.splitlines()) == 1


@VERBS
def test_resources_that_this_machine_has_not(verb, refuse, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = refuse("resources.cpus=90000", "resources.gpus=1", verb=verb, code=2)
    first, second = said.splitlines()
    assert first.startswith(
        "command line  resources.cpus: a trial is to get 90000, this machine has"
    )
    assert second == (
        "command line  resources.gpus: a trial is to get 1, this machine has none: write 0"
    )


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_what_is_allowed_and_hardly_meant_is_said(verb, place, capsys):
    arguments = [verb, str(place / "search.yaml"), "search.scheduler={kind: asha, grace_steps: 15}"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "trials are judged at the next report" in (said.out if verb == "check" else said.err)


@pytest.mark.parametrize(
    "words",
    [
        "status", "logs", "report", "resume", "stop", "sync", "dashboard", "drive",
        "rerun t0000", "export adapter", "predict x.wav", "grow",
    ],
)  # fmt: skip
def test_a_folder_that_is_no_run_is_refused_and_left_alone(words, place, capsys, monkeypatch):
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    verb, *rest = words.split()
    for named in (".", "nope"):
        assert main([verb, named, *rest]) == 2
        assert f"{named}: no run folder" in capsys.readouterr().err
    assert sorted(place.rglob("*")) == before


def test_a_place_for_runs_that_cannot_be_written(place, capsys):
    assert main(["run", str(place / "search.yaml"), "--runs", "/proc/autopeft"]) == 1
    said = capsys.readouterr().err
    assert "a run folder cannot be made" in said
    assert "Traceback" not in said


@contextmanager
def without_roots_rights():
    """Be nobody for a while: root would write to a read-only folder all the same."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("command", [["drive"], ["resume", "search.trials=30"]])
def test_a_read_only_run_folder_is_a_sentence(command, capsys, monkeypatch):
    import autopeft.cli.ending
    import autopeft.cli.live
    import autopeft.cli.terminal
    import autopeft.sweep.amend  # noqa: F401  (nobody may not read the standard library)

    monkeypatch.setattr("signal.signal", lambda *arguments: None)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        run = SYNTHETIC["write_sweep"](Path(folder), over=False)
        for path in (Path(folder), run.path):
            path.chmod(0o555)
        with without_roots_rights():
            code = main([command[0], str(run.path), *command[1:]])
        for path in (Path(folder), run.path):
            path.chmod(0o755)
    said = capsys.readouterr().err
    assert code == 1, said
    assert "cannot be written: Permission denied" in said
    assert "Traceback" not in said


def test_a_report_into_a_read_only_folder_is_a_sentence(capsys):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        run = SYNTHETIC["write_sweep"](Path(folder), over=False)
        assert main(["report", str(run.path)]) == 0  # nobody may not read the libraries
        for path in (Path(folder), run.path):
            path.chmod(0o555)
        with without_roots_rights():
            code = main(["report", str(run.path)])
            driven = has_writer(run.journal)
        for path in (Path(folder), run.path):
            path.chmod(0o755)
    said = capsys.readouterr().err
    assert code == 1, said
    assert "report.html: cannot be written: Permission denied" in said
    assert driven  # as far as one can know: sync leaves what is open open
