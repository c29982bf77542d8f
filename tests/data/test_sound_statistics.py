"""Statistics of features, on spectra whose shape is known."""

import numpy as np
import pytest

from autopeft.data.features import Features
from autopeft.data.sound_statistics import statistics


def features(mels_NTM):
    mels_NCTM = np.asarray(mels_NTM, np.float32)[:, None]
    return Features(mels_NCTM, np.zeros(len(mels_NCTM), dtype=bool))


def test_a_white_and_steady_sound():
    found = statistics(features(np.full((3, 40, 9), -20.0)))
    assert found["level_db"] == pytest.approx(-20)
    assert found["contrast_db"] == pytest.approx(0, abs=1e-6)
    assert found["flatness_db"] == pytest.approx(0, abs=1e-6)
    assert found["centroid"] == pytest.approx(0.5)
    assert found["bandwidth"] == pytest.approx(np.std(np.linspace(0, 1, 9)))


def test_a_line_in_the_spectrum_is_where_it_is_and_not_flat():
    mels = np.full((1, 40, 5), -80.0)
    mels[:, :, 1] = 0.0
    found = statistics(features(mels))
    assert found["centroid"] == pytest.approx(0.25, abs=1e-6)
    assert found["bandwidth"] == pytest.approx(0, abs=1e-3)
    assert found["flatness_db"] == pytest.approx(-64 + 10 * np.log10(5), abs=1e-3)


def test_contrast_is_between_loud_and_quiet_frames():
    mels = np.full((2, 40, 4), -50.0)
    mels[:, :20] = -10.0
    assert statistics(features(mels))["contrast_db"] == pytest.approx(40)
