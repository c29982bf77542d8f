"""An opening in a wider, a narrower and another space: values stay where they were."""

import pytest

from autopeft.bridge.moving import moved
from autopeft.spec.space import Dimension, Space
from autopeft.spec.warm_start import Opening

OLD = Space(
    (
        Dimension("rate", "float", 1e-4, 1e-2, log=True),
        Dimension("rank", "choice", choices=(1, 2, 4), ordered=True),
        Dimension("gone", "float", 0.0, 1.0),
    )
)
OPENING = Opening(
    kind="bridge", first=({"rate": 0.5, "rank": 0.5, "gone": 0.3},), limit=0.1,
    box={"rate": (0.25, 0.75), "gone": (0.2, 0.4)}, mean={"rate": 0.5, "gone": 0.3},
    spread={"rate": 0.125, "gone": 0.05},
)  # fmt: skip


def test_in_a_wider_space_all_values_stay():
    wide = Dimension("rate", "float", 1e-5, 1e-1, log=True)
    new = Space((wide, Dimension("rank", "choice", choices=(1, 2, 4, 8), ordered=True)))
    found = moved(OPENING, OLD, new)
    assert found.first == (pytest.approx({"rate": 0.5, "rank": 0.375}),)
    low, high = found.box["rate"]
    assert (wide.value(low), wide.value(high)) == pytest.approx(
        (OLD["rate"].value(0.25), OLD["rate"].value(0.75))
    )
    assert found.spread["rate"] == pytest.approx(0.125 / 2)
    assert set(found.box) == set(found.mean) == {"rate"}
    assert found.limit == 0.1


def test_what_lies_outside_is_left_out():
    new = Space((Dimension("rate", "float", 5e-3, 1e-2, log=True),))
    found = moved(OPENING, OLD, new)
    assert found.first == ({},)
    assert found.box == {}
    assert found.mean == {}


def test_in_the_same_space_nothing_changes():
    assert moved(OPENING, OLD, OLD) == OPENING
