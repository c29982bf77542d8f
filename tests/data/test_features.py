from stat import S_IMODE

import numpy as np
import pytest
from transformers import ClapFeatureExtractor

from autopeft.core.errors import DataError, RunFolderError
from autopeft.data import open_data
from autopeft.data.clips import Clips
from autopeft.data.features import clip_features, features, loudest_window
from autopeft.data.procedural import make_clips
from autopeft.spec.data import ProceduralData

EXTRACTOR = ClapFeatureExtractor(
    feature_size=64,
    sampling_rate=8000,
    hop_length=160,
    max_length_s=1,
    fft_window_size=256,
    frequency_max=4000,
)
DATA = ProceduralData(clips=28, source_clips=2)


@pytest.fixture(scope="module")
def clips() -> Clips:
    return open_data(DATA, sample_rate_hz=8000).splits["validation"]


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, int(8000 * seconds)).astype(np.float32)


def held(*waves: np.ndarray) -> Clips:
    names = tuple(map(str, range(len(waves))))
    return Clips(names, np.zeros(len(waves), np.int64), lambda place: waves[place], "held")


def test_procedural_splits_are_the_streams_of_make_clips_and_disjoint():
    clip_set = open_data(DATA, sample_rate_hz=8000)
    assert [len(clips) for clips in clip_set.splits.values()] == [14, 7, 7, 2]
    waves = []
    for split, clips in clip_set.splits.items():
        domain = "clean" if split == "source" else "workshop"
        expected, captions = make_clips(len(clips), domain=domain, seed=0, stream=split)
        assert np.array_equal(clips.caption_indices, captions)
        waves += [clips.read(place) for place in range(len(clips))]
        assert np.array_equal(waves[-len(clips) :], expected)
    assert len({wave.tobytes() for wave in waves}) == 30
    other = open_data(DATA.model_copy(update={"seed": 1}), sample_rate_hz=8000)
    assert other.splits["train"].read(0).tobytes() not in {wave.tobytes() for wave in waves}


def test_procedural_clips_come_at_the_rate_of_the_base():
    clips = open_data(DATA, sample_rate_hz=16000).splits["test"]
    assert clips.read(0).shape == (16000,)


def test_a_split_without_clips_is_refused():
    data = DATA.model_copy(update={"clips": 3, "split": DATA.split.model_copy(
        update={"train": 0.98, "validation": 0.01, "test": 0.01})})  # fmt: skip
    with pytest.raises(DataError, match="validation"):
        open_data(data, sample_rate_hz=8000)


@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_cached_equals_uncached_and_is_not_computed_again(tmp_path, clips, truncation):
    plain = features(clips, EXTRACTOR, truncation=truncation)
    seen = []
    for _ in range(2):
        cached = features(
            clips, EXTRACTOR, truncation=truncation, cache_dir=tmp_path / "cache",
            progress=lambda done, count: seen.append((done, count)),
        )  # fmt: skip
        assert np.array_equal(cached.mels_NCTM, plain.mels_NCTM)
        assert np.array_equal(cached.is_longer_N, plain.is_longer_N)
    assert seen == [(done + 1, 7) for done in range(7)]
    assert cached.mels_NCTM.dtype == np.float32
    assert cached.mels_NCTM.shape == (7, 4 if truncation == "fusion" else 1, 51, 64)
    assert isinstance(cached.mels_NCTM, np.memmap)
    assert S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700  # features of one's own sounds


def test_short_clips_are_those_of_the_extractor_itself(clips):
    waves = [clips.read(place) for place in range(len(clips))]
    expected = EXTRACTOR(waves, truncation="rand_trunc", sampling_rate=8000, return_tensors="np")
    found = features(clips, EXTRACTOR, truncation="rand_trunc")
    assert np.array_equal(found.mels_NCTM, expected["input_features"].astype(np.float32))


@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_long_clips_are_deterministic_and_leave_numpys_randomness_alone(truncation):
    wave = noise(2.7)
    np.random.seed(1)
    first, longer = clip_features(wave, EXTRACTOR, truncation=truncation)
    drawn = np.random.rand()
    np.random.seed(1)
    assert drawn == np.random.rand()
    second, _ = clip_features(wave, EXTRACTOR, truncation=truncation)
    assert np.array_equal(first, second)
    assert longer


def test_fusion_marks_the_long_clips_and_only_them():
    found = features(held(noise(0.4), noise(1.0), noise(1.01), noise(2)), EXTRACTOR,
                     truncation="fusion")  # fmt: skip
    # 1.01 s gives no more frames than the window: the extractor takes it whole.
    assert found.is_longer_N.tolist() == [False, False, False, True]
    assert not features(held(noise(0.4)), EXTRACTOR, truncation="fusion").is_longer_N.any()
    for length in range(7990, 8330, 17):
        _, expected = EXTRACTOR._get_input_mel(noise(2)[:length], 8000, "fusion", "repeatpad")
        assert clip_features(noise(2)[:length], EXTRACTOR, truncation="fusion")[1] == expected


def test_the_loudest_window_of_a_long_clip_is_heard():
    wave = 0.01 * noise(3)
    wave[9000:16000] = noise(1)[:7000]
    window = loudest_window(wave, 8000)
    assert len(window) == 8000
    assert np.sum(window**2) >= np.sum(wave[9000:16000] ** 2)
    assert np.array_equal(
        clip_features(wave, EXTRACTOR, truncation="rand_trunc")[0],
        clip_features(window, EXTRACTOR, truncation="rand_trunc")[0],
    )


def test_whatever_decides_the_features_decides_the_place_in_the_cache(tmp_path, clips):
    other = ClapFeatureExtractor.from_dict(EXTRACTOR.to_dict() | {"hop_length": 200})
    source = open_data(DATA, sample_rate_hz=8000).splits["source"]
    for made_from in [(clips, EXTRACTOR, "rand_trunc"), (clips, EXTRACTOR, "fusion"),
                      (clips, other, "rand_trunc"), (source, EXTRACTOR, "rand_trunc")]:  # fmt: skip
        features(*made_from[:2], truncation=made_from[2], cache_dir=tmp_path)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 4
    assert not list(tmp_path.glob(".features-*"))


def test_all_unreadable_clips_are_named_and_nothing_half_remains(tmp_path):
    def read(place):
        if place % 2:
            raise DataError(f"{place}.wav: no such file")
        return noise(0.5)

    broken = Clips(tuple("abcd"), np.zeros(4, np.int64), read, "broken")
    for cache_dir in (None, tmp_path):
        with pytest.raises(DataError, match=r"1\.wav: no such file\n3\.wav"):
            features(broken, EXTRACTOR, truncation="rand_trunc", cache_dir=cache_dir)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_cache_that_cannot_be_written_is_named(tmp_path, clips):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(RunFolderError, match="cache"):
        features(clips, EXTRACTOR, truncation="rand_trunc", cache_dir=tmp_path / "cache")


def _fill(cache_dir):
    data = open_data(DATA, sample_rate_hz=8000).splits["validation"]
    return features(data, EXTRACTOR, truncation="rand_trunc", cache_dir=cache_dir).mels_NCTM.sum()


def test_two_workers_may_race(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(_fill, [tmp_path] * 4))
    assert len(set(sums)) == 1
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
