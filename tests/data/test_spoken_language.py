import csv
import os

import numpy as np
import pytest
import soundfile

from autopeft.data import open_data, spoken_language
from autopeft.spec.data import FolderData

# `apt-get download` leaves a file, `dpkg -x` a tree: the sounds come from a folder beside them.
APT_GET = """#!/bin/sh
[ "$1" = download ] && [ -e {lists} ] && touch "$2_1.6.1-1_all.deb" && exit 0
[ "$1" = update ] && touch {lists} && exit 0
echo "E: Unable to locate package $2" >&2; exit 100
"""
DPKG = """#!/bin/sh
share="$3/usr/share"
mkdir -p "$share/asterisk" "$share/doc/p" && echo licence > "$share/doc/p/copyright"
cp -r {sounds} "$share/asterisk/sounds"
"""


@pytest.fixture
def debian(tmp_path, monkeypatch):
    """A machine whose package lists are missing until the first update."""
    sounds = tmp_path / "sounds"
    rng = np.random.default_rng(0)
    for token, seconds, level in [
        ("digits/1", 0.5, 0.5),
        ("digits/2", 0.5, 0.5),
        ("hello", 1.5, 0.5),
        ("is", 0.0, 0.5),
        ("letters/a", 0.2, 0.5),
        ("silence/1", 1.0, 0.0),
        ("beep", 0.5, 0.5),
    ]:
        path = sounds / "xx_XX_f_Name" / f"{token}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, level * rng.uniform(-1, 1, int(8000 * seconds)), 8000)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("apt-get", APT_GET), ("dpkg", DPKG)):
        program = programs / name
        program.write_text(text.format(lists=tmp_path / "lists", sounds=sounds))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return programs


def test_the_folder_is_made_and_can_be_opened(debian, tmp_path, capsys):
    out = tmp_path / "data" / "spoken"
    assert spoken_language.main([str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out)
    assert "3  a voice speaking Italian" in printed.err
    for reason in ("silent", "not speech", "shorter than 0.3 s", "unreadable or empty"):
        assert f"5  left out: {reason}" in printed.err
    rows = list(csv.DictReader((out / "captions.csv").open()))
    assert len(rows) == 15
    assert rows[0] == {
        "file": "en/digits/1.wav", "caption": "a voice speaking English", "group": "digits/1",
    }  # fmt: skip
    assert "CC-BY-SA-3.0" in (out / "NOTICE").read_text()
    assert (out / "COPYRIGHT.debian").read_text() == "licence\n"
    assert [path.name for path in out.parent.iterdir()] == ["spoken"]
    splits = open_data(FolderData(path=str(out)), sample_rate_hz=8000).splits
    # A prompt is in one split in all its languages.
    assert [len(clips) for clips in splits.values()] == [5, 5, 5]


def test_what_stands_there_is_not_overwritten(debian, tmp_path, capsys):
    assert spoken_language.main([str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err


def test_apts_own_words_are_shown_and_nothing_half_remains(debian, tmp_path, capsys):
    (debian / "apt-get").write_text("#!/bin/sh\necho 'E: no network' >&2; exit 100\n")
    assert spoken_language.main([str(tmp_path / "data" / "spoken")]) == 1
    assert "E: no network" in capsys.readouterr().err
    assert not list((tmp_path / "data").iterdir())


def test_another_system_is_told_what_is_needed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert spoken_language.main([str(tmp_path / "spoken")]) == 1
    assert "needs Debian or Ubuntu" in capsys.readouterr().err
