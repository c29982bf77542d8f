"""What a data set's numbers say: of tones, of noise, of tones in noise, of uneven classes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from autopeft.data.description import RATE_HZ, description, heard_in
from autopeft.spec.data import FolderData, ProceduralData

TIME_S = np.arange(RATE_HZ) / RATE_HZ


def tone(hertz: float, *, seconds: float = 1.0, height: float = 0.5) -> np.ndarray:
    wave = height * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)
    return wave.astype(np.float32)


def test_a_tone_is_told_by_its_pitch_level_and_length():
    low, high = heard_in(tone(500)), heard_in(tone(2000, seconds=0.5, height=0.05))
    assert high["centroid_octaves"] - low["centroid_octaves"] == pytest.approx(2, abs=0.1)
    assert low["level_db"] - high["level_db"] == pytest.approx(20, abs=0.1)
    assert (low["seconds"], high["seconds"]) == (1.0, 0.5)
    assert low["flatness"] < 0.01


def test_noise_is_flat_and_a_burst_in_it_stands_out_by_its_ratio():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, RATE_HZ).astype(np.float32)
    burst = noise.copy()
    burst[: RATE_HZ // 4] += tone(1000, seconds=0.25, height=0.01 * np.sqrt(2) * 10)
    assert heard_in(noise)["flatness"] > 0.8
    assert heard_in(noise)["snr_db"] < 3
    assert heard_in(burst)["snr_db"] == pytest.approx(20, abs=2)


def test_silence_and_less_than_a_frame_are_numbers_too():
    for wave in (np.zeros(RATE_HZ, np.float32), tone(500, seconds=0.01)):
        assert all(np.isfinite(value) for value in heard_in(wave).values())


def test_a_folder_is_told_by_clips_classes_and_how_even_they_are(tmp_path: Path):
    rows = ["file,caption,split"]
    for split in ("train", "validation", "test"):
        for index in range(9):
            name = f"{split}{index}.wav"
            soundfile.write(tmp_path / name, tone(400 + 50 * index), RATE_HZ)
            rows.append(f"{name},{'a low tone' if index < 6 else 'a high tone'},{split}")
    (tmp_path / "captions.csv").write_text("\n".join(rows) + "\n")
    found = description(FolderData(path=str(tmp_path)))
    assert (found["train clips"], found["classes"]) == (9, 2)
    assert found["evenness"] == pytest.approx(0.918, abs=0.001)  # of 2/3 and 1/3, in bits
    assert found["seconds"] == 1.0
    assert found["centroid_octaves spread"] > 0.1


def test_domains_differ_in_more_than_their_spread():
    workshop, street = (
        description(ProceduralData(domain=domain, clips=280)) for domain in ("workshop", "street")
    )
    assert workshop.keys() == street.keys()
    assert workshop != street
    assert description(ProceduralData(domain="workshop", clips=280)) == workshop
