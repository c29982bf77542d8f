"""Captioned sound events made from numbers, so that a search can be tried anywhere and at once.

There are 28 captions, one clean domain and several shifted ones. Clip ``i`` of a stream is a pure
function of (seed, domain, stream, i): no clip depends on how many are made, or in which order.

Shapes: S samples of the whole clip, E samples of the event inside it, N clips.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from autopeft.core.choices import did_you_mean
from autopeft.core.errors import InputError
from autopeft.spec.data import Conditions

Wave = NDArray[np.float64]

SAMPLE_RATE_HZ: Final = 8000
# One second, not 1.024: ClapFeatureExtractor's window is a whole number of seconds, and it crops
# anything longer at a place drawn from numpy's global random state.
CLIP_SAMPLES: Final = 8000

_PITCHES_HZ: Final = {"low": (110.0, 290.0), "mid": (400.0, 900.0), "high": (1250.0, 2700.0)}
_PACES_HZ: Final = {"slow": (2.0, 3.6), "fast": (6.0, 11.0)}
_SPECTRAL_SLOPES: Final = {"white noise": 0.0, "pink noise": 1.0, "brown noise": 2.0}
_ANY_PITCH_HZ: Final = (200.0, 2200.0)


DOMAINS: Final[Mapping[str, Conditions]] = MappingProxyType(
    {
        "clean": Conditions(),
        # Chosen so that the shipped base falls from 0.93 to 0.34 here and a well tuned LoRA of
        # 80 steps on 560 clips comes back to about two thirds, a timid one nowhere.
        "workshop": Conditions(
            shift=0.5, reverb_s=0.5, wet=1.2, low_hz=120.0, high_hz=3000.0, drive=6.0,
            background_db=(-17.0, -5.0), background_slope=1.2,
        ),
        "hall": Conditions(
            shift=0.8, reverb_s=1.4, wet=2.5, low_hz=60.0, high_hz=3600.0,
            background_db=(6.0, 16.0), background_slope=0.8,
        ),
        "telephone": Conditions(
            shift=0.6, reverb_s=0.1, wet=0.3, low_hz=300.0, high_hz=2600.0, drive=12.0,
            background_db=(0.0, 10.0),
        ),
        "street": Conditions(
            shift=0.6, reverb_s=0.2, wet=0.4, low_hz=40.0, high_hz=3400.0, drive=2.0,
            background_db=(-12.0, 0.0), background_slope=1.8,
        ),
    }
)  # fmt: skip


def make_clips(
    count: int, *, domain: str | Conditions, seed: int, stream: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the first clips of one stream, balanced over the captions.

    Args:
        count: How many clips; a shorter stream is the beginning of a longer one.
        domain: A name in ``DOMAINS``, or a domain of one's own.
        seed: Non-negative.
        stream: Name of the split; different names share no randomness.

    Returns:
        Waveforms (N, S) in [-1, 1] at ``SAMPLE_RATE_HZ``, and caption indices (N,).

    Raises:
        InputError: There is no such domain.

    Example:
        >>> waves, captions = make_clips(3, domain="clean", seed=0, stream="train")
        >>> waves.shape, len(set(captions.tolist()))
        ((3, 8000), 3)
    """
    conditions, word = conditions_of(domain), word_of(domain)
    waves_NS = np.empty((count, CLIP_SAMPLES), dtype=np.float32)
    captions_N = np.empty(count, dtype=np.int64)
    for index in range(count):
        block, place = divmod(index, len(CAPTIONS))
        if place == 0:
            # Shuffled within each round of 28, so that every n-th clip is not one caption.
            order = _generator(seed, word, stream, "order", block).permutation(len(CAPTIONS))
        captions_N[index] = order[place]
        rng = _generator(seed, word, stream, "clip", index)
        waves_NS[index] = make_clip(int(order[place]), domain=conditions, rng=rng)
    return waves_NS, captions_N


def conditions_of(domain: str | Conditions) -> Conditions:
    """Return how a domain is heard.

    Raises:
        InputError: There is no such domain.
    """
    if isinstance(domain, Conditions):
        return domain
    if domain not in DOMAINS:
        known = list(DOMAINS)
        raise InputError(
            f"data.domain: no domain named {domain!r}{did_you_mean(domain, known)} known: "
            f"{', '.join(known)}"
        )
    return DOMAINS[domain]


def word_of(domain: str | Conditions) -> str:
    """Return what seeds a domain's clips: its name, or all its settings."""
    return domain if isinstance(domain, str) else domain.model_dump_json()


def make_clip(caption_index: int, *, domain: Conditions, rng: Generator) -> NDArray[np.float32]:
    """Return one sound of ``CAPTIONS[caption_index]`` heard in a domain: (S,), within [-1, 1]."""
    length = int(rng.uniform(0.62, 0.95) * CLIP_SAMPLES)
    event_E = _EVENTS[caption_index](rng, length) * _envelope(rng, length)
    onset = int(rng.integers(CLIP_SAMPLES - length + 1))
    clip_S = np.zeros(CLIP_SAMPLES)
    clip_S[onset : onset + length] = event_E / (np.abs(event_E).max() + 1e-9)
    heard_S = _add_background(_record(clip_S, domain=domain, rng=rng), domain=domain, rng=rng)
    peak = 10 ** (rng.uniform(-14.0, -1.0) / 20)
    return np.asarray(heard_S * peak / (np.abs(heard_S).max() + 1e-9), dtype=np.float32)


def _generator(seed: int, *words: str | int) -> Generator:
    """Return random numbers that belong to these words alone (``hash`` differs per process)."""
    keys = [word if isinstance(word, int) else zlib.crc32(word.encode()) for word in words]
    return np.random.default_rng([seed, *keys])


def _record(clip_S: Wave, *, domain: Conditions, rng: Generator) -> Wave:
    """Return the clip (S,) after room, band limits and clipping, each scaled by ``shift``."""
    if domain.shift == 0:
        return clip_S
    shift, size = domain.shift, 2 * CLIP_SAMPLES  # padded: the reverberation must not wrap round
    seconds_S = np.arange(CLIP_SAMPLES) / SAMPLE_RATE_HZ
    decay_s = domain.reverb_s * rng.uniform(0.6, 1.4)
    # 60 dB of power is a factor 1000 in amplitude, exp(-6.91).
    tail_S = rng.standard_normal(CLIP_SAMPLES) * np.exp(-6.91 * seconds_S / decay_s)
    tail_S *= shift * domain.wet / np.linalg.norm(tail_S)
    tail_S[0] += 1.0
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    # Second-order slopes at both edges, as a cheap microphone or loudspeaker has.
    band = 1 / np.sqrt(
        (1 + (domain.low_hz / np.maximum(hertz, 1.0)) ** 4) * (1 + (hertz / domain.high_hz) ** 8)
    )
    response = np.fft.rfft(tail_S, size) * band**shift
    heard_S = np.fft.irfft(np.fft.rfft(clip_S, size) * response, size)[:CLIP_SAMPLES]
    heard_S /= np.abs(heard_S).max() + 1e-9
    drive = shift * domain.drive
    return np.asarray(np.tanh(drive * heard_S) / drive if drive > 0 else heard_S)


def _add_background(clip_S: Wave, *, domain: Conditions, rng: Generator) -> Wave:
    """Return the clip (S,) in noise, at a ratio between the clean one and the domain's."""
    quiet, loud = (
        (1 - domain.shift) * clean + domain.shift * own
        for clean, own in zip(Conditions().background_db, domain.background_db, strict=True)
    )
    noise_S = _coloured(rng, CLIP_SAMPLES, domain.shift * domain.background_slope)
    ratio = 10 ** (-rng.uniform(quiet, loud) / 20)
    return np.asarray(clip_S + noise_S * ratio * np.sqrt(np.mean(clip_S**2)))


def _envelope(rng: Generator, length: int) -> Wave:
    """Return a gain (E,) that fades in within 5-40 ms and out within 20-120 ms."""
    seconds_E = np.arange(length) / SAMPLE_RATE_HZ
    rise, fall = rng.uniform(0.005, 0.04), rng.uniform(0.02, 0.12)
    ends_E = np.minimum(seconds_E / rise, seconds_E[::-1] / fall)
    return np.asarray(np.minimum(ends_E, 1.0))


def _coloured(rng: Generator, length: int, slope: float) -> Wave:
    """Return noise (length,) of unit power whose power falls as 1/f**slope above 40 Hz."""
    white = np.fft.rfft(rng.standard_normal(length))
    hertz = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ), 40.0)
    noise = np.fft.irfft(white * hertz ** (-slope / 2), length)
    return np.asarray(noise / noise.std())


def _sine(hertz_E: Wave) -> Wave:
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hertz_E) / SAMPLE_RATE_HZ))


def _log_uniform(rng: Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def _turns(rng: Generator, length: int, pace_hz: float) -> Wave:
    """Return the phase (E,) of a repetition, in turns, from a random start."""
    return np.asarray(np.arange(length) * pace_hz / SAMPLE_RATE_HZ + rng.uniform())


# One function per kind of sound: (rng, E, pitch or pace in Hz) -> wave (E,).


def _steady_tone(rng: Generator, length: int, pitch_hz: float) -> Wave:
    hertz_E = np.full(length, pitch_hz)
    return np.asarray(_sine(hertz_E) + rng.uniform(0.0, 0.3) * _sine(2 * hertz_E))


def _rising_chirp(rng: Generator, length: int, pitch_hz: float) -> Wave:
    octaves_E = rng.uniform(0.6, 1.1) * np.linspace(-0.5, 0.5, length)
    return _sine(pitch_hz * 2**octaves_E)


def _falling_chirp(rng: Generator, length: int, pitch_hz: float) -> Wave:
    octaves_E = rng.uniform(0.6, 1.1) * np.linspace(0.5, -0.5, length)
    return _sine(pitch_hz * 2**octaves_E)


def _buzzing_drone(rng: Generator, length: int, pitch_hz: float) -> Wave:
    flutter_E = np.sin(2 * np.pi * _turns(rng, length, rng.uniform(22.0, 40.0)))
    hertz_E = np.full(length, pitch_hz)
    count = max(2, int(SAMPLE_RATE_HZ / 2 / pitch_hz) - 1)
    parts = (_sine(k * hertz_E) / k**0.7 for k in range(1, min(count, 12) + 1))
    return np.asarray(sum(parts) * (1 + 0.9 * np.sign(flutter_E)))


def _ringing_bell(rng: Generator, length: int, pitch_hz: float) -> Wave:
    seconds_E = np.arange(length) / SAMPLE_RATE_HZ
    decay_s = rng.uniform(0.1, 0.25)
    # Partials of a struck bar (Fletcher & Rossing, The Physics of Musical Instruments).
    parts = (
        _sine(np.full(length, ratio * pitch_hz)) * np.exp(-seconds_E * ratio**0.5 / decay_s) / ratio
        for ratio in (1.0, 2.756, 5.404)
        if ratio * pitch_hz < 0.48 * SAMPLE_RATE_HZ
    )
    return np.asarray(sum(parts))


def _pulsing_tone(rng: Generator, length: int, pace_hz: float) -> Wave:
    turns_E = _turns(rng, length, pace_hz)
    gate_E = np.clip(4 * np.sin(2 * np.pi * turns_E), 0.0, 1.0)
    return np.asarray(_sine(np.full(length, _log_uniform(rng, _ANY_PITCH_HZ))) * gate_E)


def _siren(rng: Generator, length: int, pace_hz: float) -> Wave:
    turns_E = _turns(rng, length, pace_hz)
    octaves_E = rng.uniform(0.3, 0.6) * np.sin(2 * np.pi * turns_E)
    return _sine(_log_uniform(rng, _ANY_PITCH_HZ) * 2**octaves_E)


def _clicking(rng: Generator, length: int, pace_hz: float) -> Wave:
    since_click_E = (_turns(rng, length, pace_hz) % 1.0) / pace_hz
    clicks_E = np.exp(-since_click_E / rng.uniform(0.003, 0.008))
    return np.asarray(_coloured(rng, length, 0.0) * clicks_E)


def _two_tone_alarm(rng: Generator, length: int, pace_hz: float) -> Wave:
    upper_E = _turns(rng, length, pace_hz) % 1.0 < 0.5
    pitch_hz = _log_uniform(rng, _ANY_PITCH_HZ)
    return _sine(np.where(upper_E, pitch_hz * rng.uniform(1.3, 1.6), pitch_hz))


def _noise_bursts(rng: Generator, length: int, pace_hz: float) -> Wave:
    gate_E = np.clip(4 * np.sin(2 * np.pi * _turns(rng, length, pace_hz)), 0.0, 1.0)
    return np.asarray(_coloured(rng, length, rng.uniform(0.0, 1.0)) * gate_E)


Kind = Callable[[Generator, int, float], Wave]
Event = Callable[[Generator, int], Wave]

_PITCHED: Final[Mapping[str, Kind]] = {
    "steady tone": _steady_tone,
    "rising chirp": _rising_chirp,
    "falling chirp": _falling_chirp,
    "buzzing drone": _buzzing_drone,
    "ringing bell": _ringing_bell,
}
_PACED: Final[Mapping[str, Kind]] = {
    "pulsing tone": _pulsing_tone,
    "siren": _siren,
    "clicking": _clicking,
    "two-tone alarm": _two_tone_alarm,
    "noise bursts": _noise_bursts,
}


def _at(kind: Kind, bounds: tuple[float, float]) -> Event:
    return lambda rng, length: kind(rng, length, _log_uniform(rng, bounds))


def _noise(slope: float) -> Event:
    return lambda rng, length: _coloured(rng, length, slope)


def _events() -> dict[str, Event]:
    """Return every caption with the sound it names, in the order of the caption indices."""
    pitched = {
        f"{pitch} {name}": _at(kind, bounds)
        for name, kind in _PITCHED.items()
        for pitch, bounds in _PITCHES_HZ.items()
    }
    paced = {
        f"{pace} {name}": _at(kind, bounds)
        for name, kind in _PACED.items()
        for pace, bounds in _PACES_HZ.items()
    }
    return pitched | paced | {name: _noise(slope) for name, slope in _SPECTRAL_SLOPES.items()}


CAPTIONS: Final[tuple[str, ...]] = tuple(_events())
_EVENTS: Final[tuple[Event, ...]] = tuple(_events().values())
