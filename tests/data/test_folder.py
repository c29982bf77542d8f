import numpy as np
import pytest
import soundfile

from autopeft.core.errors import DataError
from autopeft.data import open_data
from autopeft.spec.data import FolderData

CAPTIONS = ("bark", "rain", "siren")


@pytest.fixture
def folder(tmp_path):
    """Twelve sounds of three captions and a table that is right."""
    rng = np.random.default_rng(0)
    lines = ["file,caption"]
    for index in range(12):
        soundfile.write(tmp_path / f"{index}.wav", rng.uniform(-0.5, 0.5, 800), 8000)
        lines.append(f"{index}.wav,{CAPTIONS[index % 3]}")
    (tmp_path / "captions.csv").write_text("\n".join(lines))
    return tmp_path


def opened(folder, **fields):
    return open_data(FolderData(path=str(folder), **fields), sample_rate_hz=8000)


def problems_of(folder, text, **fields):
    (folder / "captions.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError) as caught:
        opened(folder, **fields)
    return str(caught.value)


def test_clips_are_split_seeded_and_readable(folder):
    clip_set = opened(folder)
    assert clip_set.captions == CAPTIONS
    assert list(clip_set.splits) == ["train", "validation", "test"]
    names = [name for clips in clip_set.splits.values() for name in clips.names]
    assert sorted(names) == sorted(f"{index}.wav" for index in range(12))
    assert set(clip_set.splits["train"].caption_indices) == {0, 1, 2}
    for clips in clip_set.splits.values():
        for place, name in enumerate(clips.names):
            assert clips.caption_indices[place] == int(name.removesuffix(".wav")) % 3
            expected, _ = soundfile.read(folder / name, dtype="float32")
            assert np.array_equal(clips.read(place), expected)
    again = opened(folder)
    assert [c.names for c in again.splits.values()] == [c.names for c in clip_set.splits.values()]


def test_all_problems_come_at_once_each_with_its_line(folder):
    text = (
        'file,caption\n0.wav,bark\n1.wav,\n\nnone.wav,"two\nlines"\n0.wav,rain\n,rain\n2.wav,a,b\n'
    )
    problems = problems_of(folder, text).splitlines()
    assert [problem.partition("captions.csv")[2] for problem in problems] == [
        ":3  caption is empty",
        f":5  no such file 'none.wav' in {folder}",
        ":7  '0.wav' stands already on line 2",
        ":8  file is empty",
        ":9  3 fields, the header has 2; quote commas",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,captions\n0.wav,bark", "unknown column 'captions'; did you mean 'caption'?"),
        ("file,captions\n0.wav,bark", "column 'caption' is missing"),
        ("file,caption,zzz\n0.wav,bark,1", "unknown column 'zzz'; known: file, caption, split"),
        ("file,caption,file\n0.wav,bark,1", "column 'file' stands twice"),
        ("file;caption\n0.wav;bark", "must be separated by commas"),
        (
            "file,caption\n0.wav bark\n1.wav,rain",
            ":2  1 field, the header has 2; a comma is missing",
        ),
        ("file,caption\n0.wav bark", ":2  1 field, the header has 2; a comma is missing"),
        ("file,caption\n", "no captions"),
        ("", "column 'file' is missing"),
        (b"file,caption\n0.wav,b\xe4r", "not UTF-8"),
        ("file,caption\n0.wav,bark\n1.wav,bark\n2.wav,bark", "at least two"),
        ("file,caption\n0.wav,bark\n1.wav,rain", "2 clips cannot make three splits"),
        ("file,caption,group\n0.wav,a,x\n1.wav,b,x\n2.wav,b,y", "2 groups cannot make three"),
        ("file,caption,split\n0.wav,bark,trian", "no split named 'trian'; did you mean 'train'?"),
        ("file,caption,split\n0.wav,bark,train\n1.wav,rain,test", "no clip in validation"),
        ("file,caption,split\n0.wav,bark,train\n1.wav,rain,", "no split named ''"),
        (
            "file,caption,split,group\n0.wav,bark,train,g\n1.wav,rain,test,g",
            "captions.csv:3  group 'g' is in 'test' here and in 'train' on line 2",
        ),
    ],
)
def test_what_is_wrong_is_said(folder, text, expected):
    assert expected in problems_of(folder, text)


def test_a_missing_folder_or_table_is_said(folder):
    with pytest.raises(DataError, match="no such folder"):
        opened(folder / "none")
    with pytest.raises(DataError, match=r"did you mean 'captions.csv'"):
        opened(folder, captions="caption.csv")


def test_many_problems_are_counted_and_not_all_shown(folder):
    text = "file,caption\n" + "".join(f"missing{index}.wav,bark\n" for index in range(500))
    problems = problems_of(folder, text).splitlines()
    assert len(problems) == 21
    assert problems[-1] == "… and 480 more"


def test_a_byte_order_mark_and_commas_in_captions_are_fine(folder):
    rows = "".join(f'{index}.wav,"{CAPTIONS[index % 3]}, loud"\n' for index in range(12))
    (folder / "captions.csv").write_text("\ufefffile,caption\n" + rows)
    assert opened(folder).captions[0] == "bark, loud"


def test_the_split_column_replaces_the_seed(folder):
    names = ["train", "test", "validation", "train"]
    rows = [f"{index}.wav,{CAPTIONS[index % 3]},{names[index % 4]}" for index in range(12)]
    (folder / "captions.csv").write_text("\n".join(["file,caption,split", *rows]))
    for split, clips in opened(folder, seed=3).splits.items():
        assert all(names[int(name.removesuffix(".wav")) % 4] == split for name in clips.names)


def test_groups_stay_in_one_split(folder):
    rows = [f"{index}.wav,{CAPTIONS[index % 3]},g{index // 3}" for index in range(12)]
    (folder / "captions.csv").write_text("\n".join(["file,caption,group", *rows]))
    splits = opened(folder).splits.values()
    groups = [{int(name.removesuffix(".wav")) // 3 for name in clips.names} for clips in splits]
    assert sum(map(len, groups)) == 4


def test_clips_limits_the_number_and_says_when_there_are_fewer(folder):
    limited = opened(folder, clips=6)
    assert sum(map(len, limited.splits.values())) == 6
    assert limited.captions == CAPTIONS
    with pytest.warns(UserWarning, match="only 12"):
        opened(folder, clips=99)


def test_another_file_is_another_fingerprint_and_another_caption_is_not(folder):
    before = opened(folder).splits["train"]
    table = folder / "captions.csv"
    table.write_text(table.read_text().replace("bark", "dog bark"))
    same = opened(folder).splits["train"]
    soundfile.write(folder / before.names[0], np.zeros(900), 8000)
    after = opened(folder).splits["train"]
    assert before.names == same.names
    assert before.fingerprint == same.fingerprint != after.fingerprint
