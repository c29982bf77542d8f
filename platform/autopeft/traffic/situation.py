"""What is unknown of a day's traffic, and the vehicles it makes on a grid of three by three.

The network is one of ``netgenerate``: nine crossings with signals, 250 m apart, two lanes, 50 km/h,
and a road of 250 m into every one of the twelve entries::

    netgenerate --grid --grid.number 3 --grid.length 250 --grid.attach-length 250
        --default.lanenumber 2 --default.speed 13.89 --no-turnarounds
        --tls.set A0,A1,A2,B0,B1,B2,C0,C1,C2 --output-file grid.net.xml.gz
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from autopeft.spec.space import Dimension, Space

NETWORK = Path(__file__).with_name("grid.net.xml.gz")
COLUMNS, ROWS = "ABC", "012"
FREE_SPEED_MS = 13.89


@dataclass(frozen=True, slots=True)
class Situation:
    """One day's traffic.

    Attributes:
        east_west: Vehicles an hour into each entry in the east and the west.
        north_south: The same in the north and the south.
        turning: The share that turns, the others go straight through.
        headway: Seconds that drivers keep to the vehicle ahead (SUMO's ``tau``).
        haste: Their desired speed over the limit (SUMO's ``speedFactor``), on average.
    """

    east_west: float
    north_south: float
    turning: float
    headway: float
    haste: float


RANGES: Mapping[str, tuple[float, float]] = {
    "east_west": (200.0, 650.0),
    "north_south": (200.0, 550.0),
    "turning": (0.05, 0.35),
    "headway": (0.6, 2.2),
    "haste": (0.7, 1.3),
}
SPACE = Space(tuple(Dimension(name, "float", low, high) for name, (low, high) in RANGES.items()))


def detectors() -> tuple[str, ...]:
    """Return where vehicles are counted: every road between two crossings, each way.

    Example:
        >>> len(detectors()), detectors()[:2]
        (24, ('A0A1', 'A0B0'))
    """
    along = [a + b for row in ROWS for a, b in pairwise(f"{column}{row}" for column in COLUMNS)]
    across = [a + b for column in COLUMNS for a, b in pairwise(f"{column}{row}" for row in ROWS)]
    both_ways = [*along, *across, *(road[2:] + road[:2] for road in [*along, *across])]
    return tuple(sorted(both_ways))


def routes(situation: Situation, *, seconds: float) -> str:
    """Return the vehicles of a situation as SUMO reads them."""
    flows = "".join(
        f'<flow id="f{number}" type="car" begin="0" end="{seconds:g}" from="{origin}" to="{goal}" '
        f'period="{3600 / rate:.4f}" departLane="best" departSpeed="max"/>'
        for number, (origin, goal, rate) in enumerate(_flows(situation))
    )
    car = (
        f'<vType id="car" tau="{situation.headway:.4f}" '
        f'speedFactor="normc({situation.haste:.4f},0.1,0.4,1.8)"/>'
    )
    return f"<routes>{car}{flows}</routes>"


def _flows(situation: Situation) -> Iterator[tuple[str, str, float]]:
    """Yield ``(from, to, vehicles an hour)``: straight through, or off at the next crossing road.

    Every flow begins at once, since SUMO ignores what is not in the order of departure.
    """
    for index, (column, row) in enumerate(zip(COLUMNS, ROWS, strict=True)):
        after = (index + 1) % 3
        west, east = f"left{row}A{row}", f"right{row}C{row}"
        south, north = f"bottom{index}{column}0", f"top{index}{column}2"
        to_west, to_east = f"A{row}left{row}", f"C{row}right{row}"
        to_south, to_north = f"{column}0bottom{index}", f"{column}2top{index}"
        side, up = COLUMNS[after], ROWS[after]
        for rate, straight, turned in (
            (
                situation.east_west,
                ((west, to_east), (east, to_west)),
                ((west, f"{side}2top{after}"), (east, f"{side}0bottom{after}")),
            ),
            (
                situation.north_south,
                ((south, to_north), (north, to_south)),
                ((south, f"C{up}right{up}"), (north, f"A{up}left{up}")),
            ),
        ):
            for origin, goal in straight:
                yield origin, goal, rate * (1 - situation.turning)
            for origin, goal in turned:
                yield origin, goal, rate * situation.turning
