import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopeft.core.errors import InputError
from autopeft.data.procedural import CAPTIONS, CLIP_SAMPLES, DOMAINS, make_clip, make_clips
from autopeft.data.procedural_splits import open_procedural
from autopeft.spec.data import Conditions, ProceduralData


def test_there_are_28_different_captions():
    assert len(CAPTIONS) == len(set(CAPTIONS)) == 28
    assert {"low steady tone", "fast two-tone alarm", "brown noise"} <= set(CAPTIONS)


def test_the_shifted_domains_are_named():
    assert list(DOMAINS)[:2] == ["clean", "workshop"]
    assert DOMAINS["clean"].shift == 0
    assert all(0 < domain.shift <= 1 for name, domain in DOMAINS.items() if name != "clean")


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_sound_is_audible_in_every_domain(domain):
    for caption_index in range(len(CAPTIONS)):
        rng = np.random.default_rng(0)
        wave = make_clip(caption_index, domain=DOMAINS[domain], rng=rng)
        assert wave.shape == (CLIP_SAMPLES,)
        assert wave.dtype == np.float32
        assert 0.1 < np.abs(wave).max() <= 1.0


def test_a_short_stream_is_the_beginning_of_a_longer_one():
    long, long_captions = make_clips(40, domain="workshop", seed=3, stream="train")
    short, short_captions = make_clips(31, domain="workshop", seed=3, stream="train")
    np.testing.assert_array_equal(long[:31], short)
    np.testing.assert_array_equal(long_captions[:31], short_captions)


@settings(max_examples=10, deadline=None)
@given(count=st.integers(1, 60), seed=st.integers(0, 2**31))
def test_captions_are_balanced_within_one(count, seed):
    _, captions = make_clips(count, domain="clean", seed=seed, stream="train")
    appearances = np.bincount(captions, minlength=len(CAPTIONS))
    assert appearances.max() - appearances.min() <= 1


@pytest.mark.parametrize(
    "other",
    [
        {"domain": "workshop", "seed": 0, "stream": "test"},
        {"domain": "workshop", "seed": 1, "stream": "train"},
        {"domain": "clean", "seed": 0, "stream": "train"},
    ],
)
def test_streams_share_no_clip(other):
    ours, _ = make_clips(28, domain="workshop", seed=0, stream="train")
    theirs, _ = make_clips(28, domain=other["domain"], seed=other["seed"], stream=other["stream"])
    likeness = np.abs(np.corrcoef(ours, theirs)[:28, 28:])
    assert len({wave.tobytes() for wave in (*ours, *theirs)}) == 56
    assert np.median(likeness) < 0.1


def test_the_caption_decides_the_pitch():
    def loudest_hertz(index):
        wave = make_clip(index, domain=DOMAINS["clean"], rng=np.random.default_rng(1))
        return np.abs(np.fft.rfft(wave)).argmax()  # one second: bin = hertz

    low, mid, high = (
        loudest_hertz(CAPTIONS.index(f"{p} steady tone")) for p in ("low", "mid", "high")
    )
    assert 100 < low < 300 < mid < 1000 < high < 2800


def test_an_unknown_domain_is_refused_with_a_suggestion():
    with pytest.raises(InputError, match="did you mean 'workshop'"):
        make_clips(1, domain="workshp", seed=0, stream="train")


def opened(**settings):
    data = ProceduralData(clips=448, source_clips=56, **settings)
    return open_procedural(data, sample_rate_hz=8000).splits


def test_a_domain_of_ones_own_sounds_as_the_named_one_with_its_settings_does():
    """The same conditions, drawn by another name: other clips, alike in what they are."""
    own = opened(conditions=DOMAINS["workshop"])["train"]
    named = opened(domain="workshop")["train"]
    assert not np.array_equal(own.read(0), named.read(0))
    quiet = opened(conditions=Conditions())["train"]
    rough = [np.mean(np.diff(c.read(i)) ** 2) for c in (own, named, quiet) for i in range(20)]
    own_20, named_20, quiet_20 = np.reshape(rough, (3, 20)).mean(axis=1)
    assert own_20 == pytest.approx(named_20, rel=0.5)
    assert quiet_20 > 1.5 * own_20 or own_20 > 1.5 * quiet_20
    assert own.fingerprint != named.fingerprint != quiet.fingerprint


def test_renamed_captions_are_the_same_in_all_splits_and_none_of_the_source():
    plain, renamed = opened(), opened(renamed=0.5)
    maps = []
    for split in ("train", "validation", "test"):
        pairs = zip(plain[split].caption_indices, renamed[split].caption_indices, strict=True)
        maps.append(dict(pairs))
        assert np.array_equal(plain[split].read(3), renamed[split].read(3))
    assert maps[0] == maps[1] == maps[2]
    assert sum(old != new for old, new in maps[0].items()) == 14
    assert sorted(maps[0].values()) == sorted(maps[0])
    source = [found["source"].caption_indices for found in (plain, renamed)]
    assert np.array_equal(*source)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_wrong_captions_are_in_training_only(share):
    plain, wrong = opened(), opened(wrong_captions=share)
    differs = {
        split: float(np.mean(plain[split].caption_indices != wrong[split].caption_indices))
        for split in plain
    }
    assert differs["train"] == pytest.approx(share, abs=0.005)
    assert differs["validation"] == differs["test"] == differs["source"] == 0
