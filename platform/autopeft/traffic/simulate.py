"""One run of SUMO, in this process: what its detectors count, and what it costs."""

import io
import tempfile
import time
import xml.etree.ElementTree as ET
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autopeft.core.errors import AutopeftError
from autopeft.traffic.situation import FREE_SPEED_MS, NETWORK, Situation, detectors, routes

Array = NDArray[np.float64]
Mode = Literal["micro", "meso"]
# The roads fill for five minutes; then ten are measured, in two intervals.
FILLING_S, INTERVAL_S, INTERVALS = 300, 300, 2
SECONDS = FILLING_S + INTERVAL_S * INTERVALS
MODES: dict[Mode, tuple[str, ...]] = {
    "micro": (),
    "meso": ("--mesosim", "--meso-junction-control"),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What the detectors saw.

    Attributes:
        counts: Vehicles that entered a road, ``[detector, interval]``.
        speeds: Their mean speed there in m/s, the free one where nobody was, ``[detector,
            interval]``.
        cpu_seconds: What the simulation took.
    """

    counts: Array
    speeds: Array
    cpu_seconds: float


def simulate(situation: Situation, *, mode: Mode, seed: int) -> Measured:
    """Run a situation.

    Args:
        situation: What to simulate.
        mode: Every vehicle by itself, or queues of them (SUMO's mesoscopic model).
        seed: Of SUMO's random numbers.

    Raises:
        AutopeftError: SUMO is not installed.
    """
    sumo = _sumo()
    with tempfile.TemporaryDirectory(prefix="apt-sumo-") as name:
        folder = Path(name)
        (folder / "routes.xml").write_text(routes(situation, seconds=SECONDS))
        (folder / "detectors.xml").write_text(
            f'<additional><edgeData id="d" file="seen.xml" begin="{FILLING_S}" '
            f'period="{INTERVAL_S}" excludeEmpty="false" edges="{" ".join(detectors())}"/>'
            "</additional>"
        )
        begin = time.process_time()
        sumo.start(
            [
                "sumo", "--net-file", str(NETWORK),
                "--route-files", str(folder / "routes.xml"),
                "--additional-files", str(folder / "detectors.xml"),
                "--end", str(SECONDS), "--seed", str(seed), "--time-to-teleport", "120",
                "--no-step-log", "--no-warnings", "--xml-validation", "never",
                *MODES[mode],
            ]
        )  # fmt: skip
        try:
            sumo.simulationStep(SECONDS)
        finally:
            sumo.close()
        cpu_seconds = time.process_time() - begin
        return _measured(folder / "seen.xml", cpu_seconds)


def _measured(path: Path, cpu_seconds: float) -> Measured:
    """Read what SUMO wrote: intervals of roads."""
    intervals = [{road.get("id"): road for road in span} for span in ET.parse(path).getroot()]
    counts = [[float(span[name].get("entered", 0)) for span in intervals] for name in detectors()]
    speeds = [
        [float(span[name].get("speed", FREE_SPEED_MS)) for span in intervals]
        for name in detectors()
    ]
    return Measured(np.asarray(counts), np.asarray(speeds), cpu_seconds)


def _sumo() -> ModuleType:
    """Import SUMO; what it prints about another pyarrow concerns outputs that are not used here."""
    try:
        with redirect_stdout(io.StringIO()):
            import libsumo
    except ImportError as error:
        raise AutopeftError(
            f"SUMO cannot be had ({error}); install the extra: pip install 'autopeft[traffic]'"
        ) from error
    return libsumo  # type: ignore[no-any-return]
