"""Fifteen days: what the detectors saw on each, and what was behind it.

What was behind it, the truth, is drawn at random and known here because the days are simulated. It
makes the measurements and judges a result; no search and no bridge sees it.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

from autopeft.core.choices import known_words
from autopeft.core.errors import InputError
from autopeft.core.seeds import derive_seed
from autopeft.traffic.simulate import Measured, simulate
from autopeft.traffic.situation import RANGES, Situation

OBSERVED = Path(__file__).with_name("observed.json")
DAYS = tuple(f"day-{number:02d}" for number in range(1, 16))
# The truth keeps off the edges of what is searched.
MARGIN = 0.15


def truth(day: str) -> Situation:
    """Return what was behind a day's traffic."""
    rng = np.random.default_rng(derive_seed(0, "traffic", day))
    return Situation(
        **{
            name: float(low + (high - low) * rng.uniform(MARGIN, 1 - MARGIN))
            for name, (low, high) in RANGES.items()
        }
    )


def observe(day: str) -> Measured:
    """Simulate what the detectors saw that day, by random numbers of its own."""
    return simulate(truth(day), mode="micro", seed=derive_seed(0, "observed", day))


@cache
def observed(day: str) -> Measured:
    """Return what the detectors saw that day, as it is kept beside this module.

    Raises:
        InputError: There is no such day.
    """
    held = json.loads(OBSERVED.read_text())
    if day not in held:
        raise InputError(f"no day named {day!r}{known_words(day, list(held))}")
    return Measured(np.asarray(held[day]["counts"]), np.asarray(held[day]["speeds"]), 0.0)


def write_observed() -> None:
    """Make the measurements of all days anew."""
    found = {day: observe(day) for day in DAYS}
    held = {
        day: {"counts": seen.counts.tolist(), "speeds": seen.speeds.tolist()}
        for day, seen in found.items()
    }
    OBSERVED.write_text(json.dumps(held) + "\n")


if __name__ == "__main__":
    write_observed()
