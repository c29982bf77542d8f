import numpy as np
import pytest
import soundfile

from autopeft.core.errors import DataError
from autopeft.data.audio_files import read_clip


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_every_format_gives_the_same_sound(tmp_path, suffix):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(16000), 16000)
    clip = read_clip(path, sample_rate_hz=16000)
    assert clip.dtype == np.float32
    assert clip.ndim == 1
    # MP3 pads by up to two frames.
    assert abs(len(clip) - 8000) < 2500
    spectrum = np.abs(np.fft.rfft(clip[1000:7000]))
    assert np.argmax(spectrum) * 16000 / 6000 == pytest.approx(440, abs=3)


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([tone(8000), -tone(8000)], axis=1), 8000, subtype="FLOAT")
    assert np.abs(read_clip(path, sample_rate_hz=8000)).max() < 1e-6


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_the_rate_is_the_one_asked_for(tmp_path, rate):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(16000), 16000, subtype="FLOAT")
    clip = read_clip(path, sample_rate_hz=rate)
    assert len(clip) == pytest.approx(rate / 2, abs=2)
    middle = slice(len(clip) // 4, len(clip) // 2)  # away from the resampler's edges
    assert np.allclose(clip[middle], tone(rate)[middle], atol=2e-3)


def break_nothing_there(path):
    return "no such file"


def break_folder(path):
    path.mkdir()
    return "not a file"


def break_zero_bytes(path):
    path.touch()
    return "0 bytes"


def break_text(path):
    path.write_text("not a sound")
    return "not a sound file"


def break_no_samples(path):
    soundfile.write(path, np.empty(0), 8000)
    return "no samples"


def break_truncated_header(path):
    soundfile.write(path, tone(8000), 8000)
    path.write_bytes(path.read_bytes()[:20])
    return "not a sound file"


def break_nan(path):
    soundfile.write(path, np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    return "NaN"


def break_too_short(path):
    soundfile.write(path, np.zeros(1), 48000)
    return "too short"


@pytest.mark.parametrize(
    "damage",
    [
        break_nothing_there,
        break_folder,
        break_zero_bytes,
        break_text,
        break_no_samples,
        break_truncated_header,
        break_nan,
        break_too_short,
    ],
)
def test_every_damage_names_the_file_and_itself(tmp_path, damage):
    path = tmp_path / "broken.wav"
    expected = damage(path)
    with pytest.raises(DataError, match=r"broken\.wav") as caught:
        read_clip(path, sample_rate_hz=8000)
    assert expected in str(caught.value)
